/* SPDX-License-Identifier: GPL-2.0-only */
/* One CPU, whichever it is, and no domain running on it. */
#ifndef PROOFS_ASM_CURRENT_H
#define PROOFS_ASM_CURRENT_H

#include <xen/percpu.h>
#include <public/xen.h>

struct vcpu;

extern unsigned int this_processor;

#define smp_processor_id()    this_processor
#define current               ((struct vcpu *)NULL)
#define get_current()         current
#define guest_cpu_user_regs() ((struct cpu_user_regs *)NULL)

DECLARE_PER_CPU(struct vcpu *, curr_vcpu);

#endif
