/* SPDX-License-Identifier: GPL-2.0-only */
/* All CPUs are always there. */
#ifndef HOST_ASM_SMP_H
#define HOST_ASM_SMP_H

#include <xen/cpumask.h>
#include <asm/current.h>

DECLARE_PER_CPU(cpumask_var_t, cpu_sibling_mask);
DECLARE_PER_CPU(cpumask_var_t, cpu_core_mask);

#define cpu_to_core(cpu)   (cpu)
#define cpu_to_socket(cpu) 0

#endif
