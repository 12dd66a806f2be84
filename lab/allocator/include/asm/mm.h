/* SPDX-License-Identifier: GPL-2.0-only */
/* As on x86. */
#ifndef HOST_ASM_MM_H
#define HOST_ASM_MM_H

#include_next <asm/mm.h>

#ifdef __SANITIZE_THREAD__
/*
 * free_heap_pages() looks at the state of neighbours which others may own: if
 * they do, the state is not "free" at any moment of what they do to it.
 */
static noinline unsigned long __attribute__((__no_sanitize__("thread")))
host_page_state(const struct page_info *pg)
{
    return ACCESS_ONCE(pg->count_info) & PGC_state;
}

#undef page_state_is
#define page_state_is(pg, st) (host_page_state(pg) == PGC_state_##st)
#endif

#endif
