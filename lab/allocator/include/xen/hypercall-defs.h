/* SPDX-License-Identifier: GPL-2.0-only */
/* The one hypercall that is made. */
long do_domctl(XEN_GUEST_HANDLE_PARAM(xen_domctl_t) u_domctl);
