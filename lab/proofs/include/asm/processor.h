/* SPDX-License-Identifier: GPL-2.0-only */
/* Waiting for another CPU is never over: there is none. */
#ifndef PROOFS_ASM_PROCESSOR_H
#define PROOFS_ASM_PROCESSOR_H

#include <xen/types.h>
#include <xen/smp.h>
#include <xen/percpu.h>
#include <asm/cpufeature.h>
#include <asm/current.h>

#define cpu_relax() __CPROVER_assert(0, "stops: waiting for another CPU")

#endif
