/* SPDX-License-Identifier: GPL-2.0-only */
/* No device reaches a domain's memory. */
#ifndef HOST_XEN_IOMMU_H
#define HOST_XEN_IOMMU_H

#include <xen/pci.h>

struct domain_iommu { };

#define iommu_enabled      false
#define iommu_hap_pt_share false

#define iommu_do_domctl(domctl, d, u_domctl) (-EOPNOTSUPP)

#endif
