/* SPDX-License-Identifier: GPL-2.0-only */
/* A CPU is a thread. */
#ifndef HOST_ASM_PROCESSOR_H
#define HOST_ASM_PROCESSOR_H

#include <xen/types.h>
#include <xen/smp.h>
#include <xen/percpu.h>
#include <asm/cpufeature.h>
#include <asm/current.h>
#include <asm/spinlock.h>


#endif
