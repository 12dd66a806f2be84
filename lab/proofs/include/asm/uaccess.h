/* SPDX-License-Identifier: GPL-2.0-only */
/* No guest has memory. Other headers rely on what the real one includes. */
#include <xen/errno.h>
#include <public/hvm/save.h>
