/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the host, among themselves. */

#ifndef HOST_H
#define HOST_H

#include "native.h"

/* What takes the hypercall's operation: the only guest memory beside arrays. */
extern __thread const void *native_operation;
void native_guest(const void *start, unsigned long bytes);

void native_fail_heap(void);

/* heap.c: includes page_alloc.c, and knows its static variables. */
int heap_boot(const struct native_range *ranges, unsigned int nr,
              unsigned int flags);
void heap_counts(struct native_counts *counts);
unsigned long heap_check(char *to, unsigned long size, bool pages);
int heap_has_block(unsigned int node, unsigned int wanted);
bool heap_free_page(unsigned int node, unsigned long which, mfn_t *mfn);
void heap_scrub(mfn_t mfn);
unsigned int heap_offlined(unsigned int node, mfn_t *mfns, unsigned int room);

/* domains.c */
void domains_boot(void);
long domains_dispatch(unsigned int op, const unsigned long *a);
void domains_counts(struct native_counts *counts);

#endif
