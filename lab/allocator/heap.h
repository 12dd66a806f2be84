/* SPDX-License-Identifier: GPL-2.0-only */
/* The allocator, which knows the static variables of page_alloc.c. */

#ifndef HEAP_H
#define HEAP_H

#include <xen/mm.h>

#include "host.h"

int heap_boot(const struct host_range *ranges, unsigned int nr,
              unsigned int flags);
void heap_counts(struct host_counts *counts);
unsigned long heap_check(char *to, unsigned long size, bool pages);
int heap_has_block(unsigned int node, unsigned int wanted, bool low);
bool heap_free_page(unsigned int node, unsigned long which, mfn_t *mfn);
void heap_scrub(mfn_t mfn);
unsigned int heap_offlined(unsigned int node, mfn_t *mfns, unsigned int room);

/* Called once, with no lock held, before a page is scrubbed. */
extern void (*heap_on_scrub)(void);

void heap_held(unsigned long *ns);

#endif
