/* SPDX-License-Identifier: GPL-2.0-only */
/* Also asked for by asm/grant_table.h. */
#ifndef HOST_ASM_PAGING_4_17
#define HOST_ASM_PAGING_4_17

#include_next <asm/paging.h>

#define paging_mode_external(d) false

#endif
