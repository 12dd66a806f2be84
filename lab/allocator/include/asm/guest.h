/* SPDX-License-Identifier: GPL-2.0-only */
/* Xen runs on nothing. */
#ifndef NATIVE_ASM_GUEST_H
#define NATIVE_ASM_GUEST_H

#define pv_shim false
#define pv_shim_reserved_pages(size) NULL

#endif
