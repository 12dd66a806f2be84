/* SPDX-License-Identifier: GPL-2.0-only */
/* No guest has page tables. */
#ifndef HOST_ASM_PAGING_H
#define HOST_ASM_PAGING_H

#define paging_mode_translate(d) false

#endif
