/* SPDX-License-Identifier: GPL-2.0-only */
/* The caller may do everything. */
#ifndef HOST_XSM_H
#define HOST_XSM_H

#define xsm_domctl(action, d, op)                         0
#define xsm_sysctl(action, op)                            0
#define xsm_getdomaininfo(action, d)                      0
#define xsm_security_domaininfo(d, info)                  ((void)0)
#define xsm_set_target(action, d, e)                      0
#define xsm_iomem_permission(action, d, start, end, allow) 0
#define xsm_iomem_mapping(action, d, start, end, allow)    0
#define xsm_irq_permission(action, d, irq, allow)         0

#endif
