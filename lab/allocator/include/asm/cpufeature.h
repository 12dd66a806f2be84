/* SPDX-License-Identifier: GPL-2.0-only */
/* The CPU has nothing special. */
#ifndef HOST_ASM_CPUFEATURE_H
#define HOST_ASM_CPUFEATURE_H

#define boot_cpu_has(bit) false
#define cpu_has_cx16      false

#endif
