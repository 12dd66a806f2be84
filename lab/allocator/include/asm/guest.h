/* SPDX-License-Identifier: GPL-2.0-only */
/* Xen runs on nothing. */
#ifndef HOST_ASM_GUEST_H
#define HOST_ASM_GUEST_H

#define pv_shim false
#define pv_shim_reserved_pages(size) NULL

#endif
