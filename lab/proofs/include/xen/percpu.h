/* SPDX-License-Identifier: GPL-2.0-only */
/* There is one CPU; what it has of its own is a variable. */
#ifndef PROOFS_XEN_PERCPU_H
#define PROOFS_XEN_PERCPU_H

#include <xen/types.h>

#define DECLARE_PER_CPU(type, name)             extern typeof(type) per_cpu__ ## name
#define DEFINE_PER_CPU(type, name)              typeof(type) per_cpu__ ## name
#define DEFINE_PER_CPU_READ_MOSTLY(type, name)  DEFINE_PER_CPU(type, name)
#define per_cpu(var, cpu)                       (per_cpu__ ## var)
#define this_cpu(var)                           (per_cpu__ ## var)
#define per_cpu_ptr(var, cpu)                   (var)
#define this_cpu_ptr(var)                       (var)

#include <asm/current.h>

#endif
