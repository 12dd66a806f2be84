/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For proofs that run what handles pages: a few of them, next to each other, all on NODE. Included
 * before page_alloc.c, for that to find them.
 */
#define NR_FRAMES   2
#define FIRST_FRAME 0x1000UL

/* Xen compares with what is past the last one. */
static struct page_info frames[2 * NR_FRAMES];

#undef page_to_mfn
#define page_to_mfn(pg)     _mfn((pg) - frames + FIRST_FRAME)
#undef page_to_nid
#define page_to_nid(pg)     ((nodeid_t)NODE)
#undef is_xen_heap_page
#define is_xen_heap_page(pg) ((void)(pg), false)
