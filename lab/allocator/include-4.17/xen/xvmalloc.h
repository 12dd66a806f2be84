/* SPDX-License-Identifier: GPL-2.0-only */
/* xmalloc() only. */
#ifndef HOST_XEN_XVMALLOC_4_17
#define HOST_XEN_XVMALLOC_4_17

#include <xen/xmalloc.h>

#define xvfree(p) xfree(p)

#endif
