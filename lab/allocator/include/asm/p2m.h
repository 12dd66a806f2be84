/* SPDX-License-Identifier: GPL-2.0-only */
/* No guest has a map of its memory, and none populates on demand. */
#ifndef HOST_ASM_P2M_H
#define HOST_ASM_P2M_H

#define p2m_pod_offline_or_broken_hit(pg)     0
#define p2m_pod_offline_or_broken_replace(pg) BUG_ON(pg)

extern uint8_t paddr_bits;

#define mfn_to_gfn(d, mfn)               _gfn(mfn_x(mfn))
#define map_mmio_regions(d, gfn, nr, mfn)   (-EOPNOTSUPP)
#define unmap_mmio_regions(d, gfn, nr, mfn) (-EOPNOTSUPP)

#endif
