/* SPDX-License-Identifier: GPL-2.0-only */
/* Before xen/domain.h mentions it in a list of parameters. */
#ifndef HOST_ASM_DOMAIN_4_17
#define HOST_ASM_DOMAIN_4_17

struct xen_domctl_createdomain;

#include_next <asm/domain.h>

#endif
