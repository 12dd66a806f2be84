/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the host, which is Xen's code in a user's process, and what drives
 * it. lab/src/allocator/loaded.rs says the same to Rust.
 */

#ifndef HOST_H
#define HOST_H

#define HOST_EXPORT __attribute__((visibility("default")))

/* What a call returns when an assertion of Xen's stopped the host. */
#define HOST_STOPPED (-0x7fffffffL)

#define HOST_MAX_DOMAINS 1000

/* A range of pages that Xen finds at boot. In order, and not overlapping. */
struct host_range {
    unsigned long node, start, pages;
};

enum host_op {
    HOST_BOOT,         /* ranges, their number, boot flags */
    HOST_CREATE,       /* -> domain id */
    HOST_SET_MAX,      /* domain, pages */
    HOST_AFFINITY,     /* domain, mask of nodes */
    HOST_CLAIM,        /* domain, mode, &nr_entries, array, entries in it */
    HOST_CLAIM_PAGES,  /* domain, pages, flags of XENMEM_claim_pages */
    HOST_NODE_PAGES,   /* domain, 64 numbers: pages by node -> nodes */
    HOST_POPULATE,     /* domain, order, placement, flags -> first page or 0 */
    HOST_DEPOPULATE,   /* domain, order, extents */
    HOST_KILL,         /* domain */
    HOST_DESTROY,      /* domain */
    HOST_OFFLINE_FREE, /* node, which one of them */
    HOST_OFFLINE_USED, /* node, domain */
    HOST_ONLINE,       /* node */
    HOST_COUNTS,       /* struct host_counts * */
    HOST_CHECK,        /* buffer, its size, pages too: what is wrong -> length */
    HOST_HAS_BLOCK,    /* node, order, low -> 0 (none) to 4: heap_has_block() */
    HOST_SCRUB,        /* -> more to do */
    HOST_RECALLS,      /* buffer, its size: new lines of the log -> length */
    HOST_FAIL_HEAP,    /* whether the next allocation from the Xen heap fails */
    HOST_UNPAUSE,      /* domain */
    HOST_CLAIM_LATE,   /* domain, legacy: past the first look at is_dying */
    HOST_CLAIM_AMID,   /* domain, pages: host claim, when a page is scrubbed */
    HOST_MEASURE,      /* domain, order, node, extents, ns[2] -> extents */
    HOST_HELD,         /* ns[2]: the heap lock, how often and how long */
};

/* Of HOST_BOOT. */
#define HOST_BOOT_DIRTY    1 /* pages need scrubbing when Xen finds them */
#define HOST_BOOT_CONTENTS 2 /* pages have contents; Xen checks scrubbing */
#define HOST_BOOT_DMA      4 /* Memory below 8 GiB is kept for last. */

/* Of HOST_POPULATE: a node below 64, plus one of these if it matters. */
#define HOST_ANY           64
#define HOST_EXACT         0x100
#define HOST_NO_REFCOUNT   1 /* flags */
#define HOST_NOWHERE       2 /* of addresses that no page has */
#define HOST_LOW           4 /* below 8 GiB */

struct host_counts {
    unsigned long free, claimed;
    unsigned long nodes; /* a mask */
    unsigned long nr_domains;
    struct {
        unsigned long size, free, claimed;
    } node[64];
    struct {
        unsigned long id, tot, max, outstanding, dying, paused;
    } domain[HOST_MAX_DOMAINS];
};

HOST_EXPORT void host_load(void);
HOST_EXPORT long host_call(unsigned int cpu, unsigned int op,
                               const unsigned long *arguments);
HOST_EXPORT const char *host_why_stopped(void);
HOST_EXPORT unsigned long host_metadata_pages(void);

#endif
