/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the host, among themselves. */

#ifndef HOST_H
#define HOST_H

#include <xen/sched.h>

#include "native.h"

/* What takes the hypercall's operation: the only guest memory beside arrays. */
extern __thread const void *native_operation;
void native_guest(const void *start, unsigned long bytes);

/* Where low memory ends, and the DMA zone if there is one. */
#define NATIVE_LOW_BITS 33

void native_fail_heap(bool fail);
/* Allocations from the Xen heap that were not freed. */
unsigned long native_heap_blocks(void);

/* heap.c: includes page_alloc.c, and knows its static variables. */
int heap_boot(const struct native_range *ranges, unsigned int nr,
              unsigned int flags);
void heap_counts(struct native_counts *counts);
unsigned long heap_check(char *to, unsigned long size, bool pages);
int heap_has_block(unsigned int node, unsigned int wanted, bool low);
bool heap_free_page(unsigned int node, unsigned long which, mfn_t *mfn);
void heap_scrub(mfn_t mfn);
unsigned int heap_offlined(unsigned int node, mfn_t *mfns, unsigned int room);

/* Called once, with no lock held, before a page is scrubbed. */
extern void (*heap_on_scrub)(void);

void heap_held(unsigned long *ns);

/* claims.c */
struct xen_memory_claim;
long claims_call(domid_t id, unsigned int mode, uint32_t *nr_entries,
                 struct xen_memory_claim *array, unsigned long room);
long claims_node_pages(domid_t id, uint64_t *pages);
long claims_set_outstanding(struct domain *d, unsigned long pages,
                            unsigned int node);
long claims_legacy(domid_t id, unsigned long pages, unsigned int flags);
long claims_late(struct domain *d, bool legacy);

/* measure.c */
long measure(struct domain *d, unsigned int order, unsigned int node,
             unsigned long extents, unsigned long *ns);

/* domains.c */

/* What a domain was given, oldest first. */
struct extent {
    unsigned long mfn;
    unsigned int order;
};

/* Beside the common part. In one page, which the owner of a page is found by. */
struct native_domain {
    struct domain d;
    struct rcu_head rcu;
    struct extent *extents;
    unsigned long nr_extents, room;
    spinlock_t extents_lock;
};

#define to_native(dom) container_of(dom, struct native_domain, d)

void domains_boot(void);
long domains_create(void);
void domains_counts(struct native_counts *counts);
/* How many domains have room for claims on nodes. Nobody may be in a call. */
unsigned int domains_with_room(void);

#endif
