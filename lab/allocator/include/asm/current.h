/* SPDX-License-Identifier: GPL-2.0-only */
/* A thread is a CPU while it is in a call, and no domain's. */
#ifndef HOST_ASM_CURRENT_H
#define HOST_ASM_CURRENT_H

#include <xen/percpu.h>
#include <xen/page-size.h>
#include <public/xen.h>

struct vcpu;

extern __thread unsigned int host_cpu;
extern struct vcpu host_caller;

#define smp_processor_id()    host_cpu
#define current               (&host_caller)
#define get_current()         current
#define guest_cpu_user_regs() ((struct cpu_user_regs *)NULL)

DECLARE_PER_CPU(struct vcpu *, curr_vcpu);

#endif
