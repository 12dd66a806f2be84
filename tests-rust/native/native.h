/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the host, which is Xen's code in a user's process, and what drives
 * it. tests-rust/src/native/calls.rs says the same to Rust.
 */

#ifndef NATIVE_H
#define NATIVE_H

#define NATIVE_EXPORT __attribute__((visibility("default")))

/* What a call returns when an assertion of Xen's stopped the host. */
#define NATIVE_STOPPED (-0x7fffffffL)

#define NATIVE_MAX_DOMAINS 1000

/* A range of pages that Xen finds at boot. In order, and not overlapping. */
struct native_range {
    unsigned long node, start, pages;
};

enum native_op {
    NATIVE_BOOT,         /* ranges, their number, boot flags */
    NATIVE_CREATE,       /* -> domain id */
    NATIVE_SET_MAX,      /* domain, pages */
    NATIVE_AFFINITY,     /* domain, mask of nodes */
    NATIVE_CLAIM,        /* domain, mode, &nr_entries, array, entries in it */
    NATIVE_CLAIM_PAGES,  /* domain, pages, flags of XENMEM_claim_pages */
    NATIVE_NODE_PAGES,   /* domain, 64 numbers: pages by node -> nodes */
    NATIVE_POPULATE,     /* domain, order, placement, flags -> first page or 0 */
    NATIVE_DEPOPULATE,   /* domain, order, extents */
    NATIVE_KILL,         /* domain */
    NATIVE_DESTROY,      /* domain */
    NATIVE_OFFLINE_FREE, /* node, which one of them */
    NATIVE_OFFLINE_USED, /* node, domain */
    NATIVE_ONLINE,       /* node */
    NATIVE_COUNTS,       /* struct native_counts * */
    NATIVE_CHECK,        /* buffer, its size, pages too: what is wrong -> length */
    NATIVE_HAS_BLOCK,    /* node, order, low -> 0 (none) to 4: heap_has_block() */
    NATIVE_SCRUB,        /* -> more to do */
    NATIVE_RECALLS,      /* buffer, its size: new lines of the log -> length */
    NATIVE_FAIL_HEAP,    /* whether the next allocation from the Xen heap fails */
    NATIVE_UNPAUSE,      /* domain */
    NATIVE_CLAIM_LATE,   /* domain, legacy: past the first look at is_dying */
    NATIVE_CLAIM_AMID,   /* domain, pages: host claim, when a page is scrubbed */
    NATIVE_MEASURE,      /* domain, order, node, extents, ns[2] -> extents */
    NATIVE_HELD,         /* ns[2]: the heap lock, how often and how long */
};

/* Of NATIVE_BOOT. */
#define NATIVE_BOOT_DIRTY    1 /* pages need scrubbing when Xen finds them */
#define NATIVE_BOOT_CONTENTS 2 /* pages have contents; Xen checks scrubbing */
#define NATIVE_BOOT_DMA      4 /* Memory below 8 GiB is kept for last. */

/* Of NATIVE_POPULATE: a node below 64, plus one of these if it matters. */
#define NATIVE_ANY           64
#define NATIVE_EXACT         0x100
#define NATIVE_NO_REFCOUNT   1 /* flags */
#define NATIVE_NOWHERE       2 /* of addresses that no page has */
#define NATIVE_LOW           4 /* below 8 GiB */

struct native_counts {
    unsigned long free, claimed;
    unsigned long nodes; /* a mask */
    unsigned long nr_domains;
    struct {
        unsigned long size, free, claimed;
    } node[64];
    struct {
        unsigned long id, tot, max, outstanding, dying, paused;
    } domain[NATIVE_MAX_DOMAINS];
};

NATIVE_EXPORT void native_load(void);
NATIVE_EXPORT long native_call(unsigned int cpu, unsigned int op,
                               const unsigned long *arguments);
NATIVE_EXPORT const char *native_why_stopped(void);
NATIVE_EXPORT unsigned long native_metadata_pages(void);

/* os.c: what this process has, for those who see Xen's headers only. */
void *os_reserve(unsigned long bytes);
void os_clear(void *start, unsigned long bytes);
void os_expect_use(void *start, unsigned long bytes);
void *os_alloc(unsigned long bytes);
void os_free(void *p);
void os_free_all(void);
void os_snapshot(void);
void os_restore(void);
void os_yield(void);
unsigned long os_nanoseconds(void);
unsigned long os_log(char *to, unsigned long size);
__attribute__((__noreturn__, __format__(printf, 1, 2))) void os_stop(const char *fmt, ...);
_Bool os_stopped(void);

#endif
