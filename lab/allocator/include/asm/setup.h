/* SPDX-License-Identifier: GPL-2.0-only */
/* The pages below the first node's are Xen's own. */
#ifndef HOST_ASM_SETUP_H
#define HOST_ASM_SETUP_H

#define highmem_start 0UL

/* Structures which Xen finds by the page they begin are in these. */
#define HOST_FIRST_MFN 1024UL
#undef is_xen_fixed_mfn
#define is_xen_fixed_mfn(mfn) (mfn_x(mfn) < HOST_FIRST_MFN)

#endif
