/* SPDX-License-Identifier: GPL-2.0-only */
/* The CPU has nothing special. */
#ifndef PROOFS_ASM_CPUFEATURE_H
#define PROOFS_ASM_CPUFEATURE_H

#define boot_cpu_has(bit) false
#define cpu_has_cx16      false
#define cpu_has_svm       false
#define cpu_has_vmx       false

#endif
