/* SPDX-License-Identifier: GPL-2.0-only */
/* The hypercalls that are made. */
long do_domctl(XEN_GUEST_HANDLE_PARAM(xen_domctl_t) u_domctl);
long do_sysctl(XEN_GUEST_HANDLE_PARAM(xen_sysctl_t) u_sysctl);
