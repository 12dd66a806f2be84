/* SPDX-License-Identifier: GPL-2.0-only */
/* There is no IOMMU. */
#ifndef PROOFS_ASM_IOMMU_H
#define PROOFS_ASM_IOMMU_H

struct arch_iommu {
};

#define iommu_intremap false
#define iommu_call(ops, fn, args...) 0

#endif
