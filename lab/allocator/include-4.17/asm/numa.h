/* SPDX-License-Identifier: GPL-2.0-only */
/* It takes asm/page.h for granted. */
#ifndef HOST_ASM_NUMA_4_17
#define HOST_ASM_NUMA_4_17

#include <asm/page.h>
#include_next <asm/numa.h>

#endif
