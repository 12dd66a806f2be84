/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is done with domains and pages. What the toolstack and guests do by way
 * of common/domain.c and common/memory.c is done here in the same order, over
 * the real allocator.
 */

#include <xen/domain.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/numa.h>
#include <xen/sched.h>

#include "claims.h"
#include "domains.h"
#include "heap.h"
#include "measure.h"
#include "os.h"
#include "surroundings.h"

/*
 * As if it came while an extent is on its way: scrubbing is after redeeming
 * claims, and before assigning pages.
 */
static domid_t amid_domain;
static unsigned long amid_pages;

static void claim_amid(void)
{
#ifdef HOST_CLAIM_SETS
    const struct xen_memory_claim claim = {
        .pages = amid_pages,
        .target = XEN_DOMCTL_CLAIM_MEMORY_HOST,
    };
    struct domain *d = rcu_lock_domain_by_id(amid_domain);

    BUG_ON(!d || domain_set_claims(d, &claim, 1));
    rcu_unlock_domain(d);
#endif
}

/* Under extents_lock. */
static void remember(struct host_domain *nd, const struct page_info *pg,
                     unsigned int order)
{
    if ( nd->nr_extents == nd->room )
    {
        unsigned long room = nd->room ? 2 * nd->room : 16;
        struct extent *extents = os_alloc(room * sizeof(*extents));

        if ( nd->room )
            memcpy(extents, nd->extents, nd->room * sizeof(*extents));
        os_free(nd->extents);
        nd->extents = extents;
        nd->room = room;
    }

    nd->extents[nd->nr_extents].mfn = mfn_x(page_to_mfn(pg));
    nd->extents[nd->nr_extents++].order = order;
}

/* One extent of XENMEM_populate_physmap. */
static long populate(struct domain *d, unsigned int order,
                     unsigned long placement, unsigned int flags)
{
    unsigned int memflags = 0;
    struct page_info *pg;

    if ( order > CONFIG_PAGEALLOC_MAX_ORDER )
        return 0;

    if ( (placement & 0xff) < MAX_NUMNODES )
        memflags |= MEMF_node(placement & 0xff);
    if ( placement & HOST_EXACT )
        memflags |= MEMF_exact_node;
    if ( flags & HOST_NO_REFCOUNT )
        memflags |= MEMF_no_refcount;
    if ( flags & HOST_NOWHERE )
        memflags |= MEMF_bits(PAGE_SHIFT + 1);
    else if ( flags & HOST_LOW )
        memflags |= MEMF_bits(HOST_LOW_BITS);

    pg = alloc_domheap_pages(d, order, memflags);
    if ( !pg )
        return 0;

    if ( !(flags & HOST_NO_REFCOUNT) )
    {
        struct host_domain *nd = to_host_domain(d);

        spin_lock(&nd->extents_lock);
        remember(nd, pg, order);
        spin_unlock(&nd->extents_lock);
    }

    return mfn_x(page_to_mfn(pg));
}

/* Page by page, as guests and domain_kill() do, or else in blocks of 2 MiB. */
static void free_extent(const struct extent *e)
{
    struct page_info *pg = mfn_to_page(_mfn(e->mfn));
    unsigned long i, j;

    if ( e->order <= PAGETABLE_ORDER )
    {
        for ( i = 0; i < 1UL << e->order; i++ )
        {
            BUG_ON(!page_get_owner_and_reference(&pg[i]));
            put_page_alloc_ref(&pg[i]);
            put_page(&pg[i]);
        }
        return;
    }

    for ( i = 0; i < 1UL << e->order; i += 1UL << PAGETABLE_ORDER )
    {
        for ( j = 0; j < 1UL << PAGETABLE_ORDER; j++ )
            pg[i + j].count_info &= ~(PGC_allocated | PGC_count_mask);
        free_domheap_pages(&pg[i], PAGETABLE_ORDER);
    }
}

/*
 * Takes the last extents from the record, if they are of that order, and frees
 * them: others may be given to the domain meanwhile.
 */
static long depopulate(struct domain *d, unsigned int order,
                       unsigned long extents)
{
    struct host_domain *nd = to_host_domain(d);
    struct extent *last = NULL;
    unsigned long i;
    long ret = 0;

    spin_lock(&nd->extents_lock);
    for ( i = 0; i < extents && !ret; i++ )
        if ( i >= nd->nr_extents ||
             nd->extents[nd->nr_extents - 1 - i].order != order )
            ret = -EINVAL;
    if ( !ret && extents )
    {
        nd->nr_extents -= extents;
        last = os_alloc(extents * sizeof(*last));
        memcpy(last, &nd->extents[nd->nr_extents], extents * sizeof(*last));
    }
    spin_unlock(&nd->extents_lock);

    for ( i = extents; last && i-- > 0; )
        free_extent(&last[i]);
    os_free(last);

    return ret;
}

/*
 * Not for thread sanitizer to see: who looks at this without a lock decides
 * again with page_alloc_lock held, if it matters.
 */
static noinline void __attribute__((__no_sanitize__("thread")))
set_dying(struct domain *d, typeof(d->is_dying) dying)
{
    ACCESS_ONCE(d->is_dying) = dying;
}

/* The first half of domain_kill(). */
static void kill(struct domain *d)
{
    if ( d->is_dying == DOMDYING_alive )
    {
        set_dying(d, DOMDYING_dying);
        claims_set_outstanding(d, 0, NUMA_NO_NODE);
    }
}

static void relinquish(struct domain *d, struct page_list_head *list)
{
    struct page_info *pg;

    nrspin_lock(&d->page_alloc_lock);
    while ( (pg = page_list_first(list)) )
    {
        BUG_ON(!get_page(pg, d));
        nrspin_unlock(&d->page_alloc_lock);
        put_page_alloc_ref(pg);
        put_page(pg);
        nrspin_lock(&d->page_alloc_lock);
    }
    nrspin_unlock(&d->page_alloc_lock);
}

/* All of it, and the end of the domain unless somebody holds on to it. */
static long destroy(struct domain *d)
{
    struct host_domain *nd = to_host_domain(d);

    if ( d->is_dying == DOMDYING_dead )
        return -ESRCH;

    kill(d);
    spin_lock(&nd->extents_lock);
    while ( nd->nr_extents )
        if ( nd->extents[--nd->nr_extents].order > PAGETABLE_ORDER )
            free_extent(&nd->extents[nd->nr_extents]);
    spin_unlock(&nd->extents_lock);
    relinquish(d, &d->page_list);
    relinquish(d, &d->extra_page_list);
    ASSERT(!d->tot_pages);
    set_dying(d, DOMDYING_dead);
    put_domain(d);

    return 0;
}

static long offline_free(unsigned int node, unsigned long which)
{
    uint32_t status;
    mfn_t mfn;

    if ( !heap_free_page(node, which, &mfn) )
        return -ENOENT;

    return offline_page(mfn, 0, &status);
}

/* Of the extent the domain was given last: it is the first to be freed. */
static long offline_used(unsigned int node, struct domain *d)
{
    const struct host_domain *nd = to_host_domain(d);
    unsigned long i = nd->nr_extents, j;
    uint32_t status;

    while ( i-- )
    {
        mfn_t mfn = _mfn(nd->extents[i].mfn);

        if ( mfn_to_nid(mfn) != node )
            continue;
        for ( j = 0; j < 1UL << nd->extents[i].order; j++ )
            if ( page_state_is(mfn_to_page(mfn_add(mfn, j)), inuse) )
                return offline_page(mfn_add(mfn, j), 0, &status);
    }

    return -ENOENT;
}

static long online(unsigned int node)
{
    mfn_t mfns[64];
    unsigned int i, nr;
    uint32_t status;

    if ( node >= MAX_NUMNODES || !node_online(node) )
        return -ENOENT;

    while ( (nr = heap_offlined(node, mfns, ARRAY_SIZE(mfns))) )
        for ( i = 0; i < nr; i++ )
        {
            heap_scrub(mfns[i]);
            BUG_ON(online_page(mfns[i], &status));
        }

    return 0;
}

static long on_domain(unsigned int op, struct domain *d, const unsigned long *a)
{
    switch ( op )
    {
    case HOST_SET_MAX:
        nrspin_lock(&d->page_alloc_lock);
        d->max_pages = min(a[1], 0UL + UINT_MAX);
        nrspin_unlock(&d->page_alloc_lock);
        return 0;

    case HOST_AFFINITY:
        return domain_set_affinity(d, a[1]);

    case HOST_CLAIM_LATE:
        return claims_late(d, a[1]);

    case HOST_CLAIM_AMID:
        amid_domain = d->domain_id;
        amid_pages = a[1];
        heap_on_scrub = claim_amid;
        return 0;

    case HOST_UNPAUSE:
        return cmpxchg(&d->controller_pause_count, 1, 0) == 1 ? 0 : -EINVAL;

    case HOST_POPULATE:
        return populate(d, a[1], a[2], a[3]);

    case HOST_MEASURE:
        return measure(d, a[1], a[2], a[3], (unsigned long *)a[4]);

    case HOST_OFFLINE_USED:
        return offline_used(a[1], d);

    case HOST_KILL:
    case HOST_DESTROY:
    case HOST_DEPOPULATE:
    {
        long ret = 0;

        rspin_lock(&d->domain_lock);
        if ( op == HOST_KILL )
            kill(d);
        else if ( op == HOST_DESTROY )
            ret = destroy(d);
        else
            ret = depopulate(d, a[1], a[2]);
        rspin_unlock(&d->domain_lock);
        return ret;
    }
    }

    return -ENOSYS;
}

static long dispatch(unsigned int op, const unsigned long *a)
{
    struct domain *d;
    long ret;

    switch ( op )
    {
    case HOST_BOOT:
        ret = heap_boot((const struct host_range *)a[0], a[1], a[2]);
        if ( !ret )
            domains_boot();
        return ret;

    case HOST_CREATE:
        return domains_create();

    case HOST_CLAIM:
        return claims_call(a[0], a[1], (uint32_t *)a[2],
                           (struct xen_memory_claim *)a[3], a[4]);

    case HOST_CLAIM_PAGES:
        return claims_legacy(a[0], a[1], a[2]);

    case HOST_NODE_PAGES:
        return claims_node_pages(a[0], (uint64_t *)a[1]);

    case HOST_OFFLINE_FREE:
        return offline_free(a[0], a[1]);

    case HOST_ONLINE:
        return online(a[0]);

    case HOST_COUNTS:
        heap_counts((struct host_counts *)a[0]);
        domains_counts((struct host_counts *)a[0]);
        return 0;

    case HOST_CHECK:
        return heap_check((char *)a[0], a[1], a[2]);

    case HOST_HAS_BLOCK:
        return heap_has_block(a[0], a[1], a[2]);

    case HOST_SCRUB:
        return scrub_free_pages();

    case HOST_RECALLS:
        return os_log((char *)a[0], a[1]);

    case HOST_HELD:
        heap_held((unsigned long *)a[0]);
        return 0;

    case HOST_FAIL_HEAP:
        xen_heap_fail(a[0]);
        return 0;
    }

    d = rcu_lock_domain_by_id(op == HOST_OFFLINE_USED ? a[1] : a[0]);
    if ( !d )
        return -ESRCH;
    ret = op == HOST_OFFLINE_USED
          ? on_domain(op, d, (const unsigned long[]){ 0, a[0] })
          : on_domain(op, d, a);
    rcu_unlock_domain(d);

    return ret;
}

/*
 * What thread sanitizer can't see: calls on one CPU come one after the other,
 * and counts are looked at when no CPU is in another call.
 */
static unsigned int calls[NR_CPUS], looks;

struct call {
    unsigned int cpu, op;
    const unsigned long *arguments;
    long result;
};

static void run(void *with)
{
    struct call *call = with;
    bool look = call->op == HOST_COUNTS || call->op == HOST_CHECK;
    unsigned int cpu = call->cpu, i;

    host_cpu = cpu;
    host_irqs_off = false;
    read_atomic(&looks);
    for ( i = look ? 0 : cpu; i <= (look ? NR_CPUS - 1 : cpu); i++ )
        read_atomic(&calls[i]);

    call->result = dispatch(call->op, call->arguments);

    add_sized(&calls[cpu], 1);
    if ( look )
        add_sized(&looks, 1);
}

/* Locks that a call held stay held: nothing but a new boot is of use then. */
long host_call(unsigned int cpu, unsigned int op,
               const unsigned long *arguments)
{
    struct call call = { cpu, op, arguments };

    if ( op != HOST_BOOT && os_stopped() )
        return HOST_STOPPED;

    return os_run(run, &call) ? call.result : HOST_STOPPED;
}
