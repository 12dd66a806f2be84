/* SPDX-License-Identifier: GPL-2.0-only */
/* What a CPU has of its own is an element of an array. */
#ifndef HOST_XEN_PERCPU_H
#define HOST_XEN_PERCPU_H

#include <xen/types.h>

#define DECLARE_PER_CPU(type, name) extern typeof(type) per_cpu__##name[NR_CPUS]
#define DEFINE_PER_CPU(type, name) typeof(type) per_cpu__##name[NR_CPUS]
#define DEFINE_PER_CPU_READ_MOSTLY(type, name) DEFINE_PER_CPU(type, name)
#define get_per_cpu_var(var) per_cpu__##var[0]

#include <asm/current.h>

#define per_cpu(var, cpu) (per_cpu__##var[cpu])
#define this_cpu(var)     per_cpu(var, smp_processor_id())
#define per_cpu_ptr(var, cpu) ((var)[cpu])
#define this_cpu_ptr(var) per_cpu_ptr(var, smp_processor_id())

#define park_offline_cpus false

#endif
