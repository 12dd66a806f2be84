/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domains and what is done with them. What the toolstack and guests do in
 * common/domain.c and common/memory.c is done here in the same order, over
 * the real allocator.
 */

#include <xen/domain.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/numa.h>
#include <xen/sched.h>
#include <xen/xvmalloc.h>

#include "host.h"

struct xen_memory_claim;

__thread const void *native_operation;

struct domain *domain_list;
DEFINE_RCU_READ_LOCK(domlist_read_lock);
DEFINE_SPINLOCK(domlist_update_lock);

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

static unsigned long free_structs[DIV_ROUND_UP(NATIVE_MAX_DOMAINS + 4, 64)];
static unsigned int next_domid, readers;
static struct rcu_head *waiting;
static DEFINE_SPINLOCK(waiting_lock);

static struct domain *alloc_domain(domid_t id)
{
    struct native_domain *nd;
    struct domain *d;
    unsigned int i;

    BUILD_BUG_ON(sizeof(*nd) > PAGE_SIZE);
    BUILD_BUG_ON(NATIVE_MAX_DOMAINS + 4 > 1023);

    for ( i = 0; ; i++ )
    {
        if ( i >= NATIVE_MAX_DOMAINS + 4 )
            return NULL;
        if ( !test_and_set_bit(i, free_structs) )
            break;
    }

    nd = maddr_to_virt((i + 1UL) << PAGE_SHIFT);
    memset(nd, 0, sizeof(*nd));
    spin_lock_init(&nd->extents_lock);

    d = &nd->d;
    d->domain_id = id;
    atomic_set(&d->refcnt, 1);
    rspin_lock_init(&d->domain_lock);
    rspin_lock_init(&d->page_alloc_lock);
    spin_lock_init(&d->hypercall_deadlock_mutex);
    spin_lock_init(&d->node_affinity_lock);
    INIT_PAGE_LIST_HEAD(&d->page_list);
    INIT_PAGE_LIST_HEAD(&d->extra_page_list);
    INIT_PAGE_LIST_HEAD(&d->xenpage_list);
    INIT_PAGE_LIST_HEAD(&d->arch.relmem_list);
    d->node_affinity = NODE_MASK_ALL;
    d->controller_pause_count = 1;

    return d;
}

static void free_domain(struct rcu_head *head)
{
    struct native_domain *nd = container_of(head, struct native_domain, rcu);

#ifdef NATIVE_CLAIM_SETS
    xvfree(nd->d.node_claims);
#endif
    os_free(nd->extents);
    clear_bit(PFN_DOWN(virt_to_maddr(nd)) - 1, free_structs);
}

void domains_boot(void)
{
    next_domid = 1;
    dom_xen = alloc_domain(DOMID_XEN);
    dom_io = alloc_domain(DOMID_IO);
    native_caller.domain = alloc_domain(0);
    spin_debug_enable();
}

/* RCU: what was unlinked is freed when there are no readers. */

void native_read_lock(void)
{
    arch_fetch_and_add(&readers, 1U);
}

void native_read_unlock(void)
{
    struct rcu_head *head;

    /* Who is last now has seen the list; later readers can't see what is in it. */
    spin_lock(&waiting_lock);
    head = waiting;
    if ( arch_fetch_and_add(&readers, -1U) == 1 )
        waiting = NULL;
    else
        head = NULL;
    spin_unlock(&waiting_lock);

    while ( head )
    {
        struct rcu_head *next = head->next;

        head->func(head);
        head = next;
    }
}

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
    native_read_lock();
    spin_lock(&waiting_lock);
    head->func = func;
    head->next = waiting;
    waiting = head;
    spin_unlock(&waiting_lock);
    native_read_unlock();
}

struct domain *rcu_lock_domain_by_id(domid_t id)
{
    struct domain *d;

    native_read_lock();
    spin_lock(&domlist_update_lock);
    for_each_domain ( d )
        if ( d->domain_id == id )
            break;
    spin_unlock(&domlist_update_lock);

    if ( !d )
        native_read_unlock();

    return d;
}

struct domain *rcu_lock_domain_by_any_id(domid_t id)
{
    return rcu_lock_domain_by_id(id);
}

void domain_destroy(struct domain *d)
{
    struct domain **link;

    spin_lock(&domlist_update_lock);
    for ( link = &domain_list; *link != d; link = &(*link)->next_in_list )
        continue;
    rcu_assign_pointer(*link, d->next_in_list);
    spin_unlock(&domlist_update_lock);

    call_rcu(&to_native(d)->rcu, free_domain);
}

/* Calls. */

static long create(void)
{
    struct domain *d, **link;
    domid_t id;

    spin_lock(&domlist_update_lock);
 again:
    id = next_domid;
    next_domid = next_domid == DOMID_FIRST_RESERVED - 1 ? 1 : next_domid + 1;
    for ( link = &domain_list; *link && (*link)->domain_id < id; )
        link = &(*link)->next_in_list;
    if ( *link && (*link)->domain_id == id )
        goto again;

    d = alloc_domain(id);
    if ( d )
    {
        d->next_in_list = *link;
        rcu_assign_pointer(*link, d);
    }
    spin_unlock(&domlist_update_lock);

    return d ? id : -ENOMEM;
}

static long claim(domid_t id, unsigned int mode, uint32_t *nr_entries,
                  struct xen_memory_claim *array, unsigned long room)
{
#ifdef NATIVE_CLAIM_SETS
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_claim_memory,
        .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
        .domain = id,
        .u.claim_memory.claim_set.p = array,
        .u.claim_memory.nr_entries = *nr_entries,
        .u.claim_memory.mode = mode,
    };
    long ret;

    native_operation = &op;
    native_guest(array, room * sizeof(*array));
    while ( (ret = do_domctl(guest_handle_from_ptr(&op, xen_domctl_t))) ==
            -ERESTART )
        native_relax();
    native_operation = NULL;
    *nr_entries = op.u.claim_memory.nr_entries;

    return ret;
#else
    return -ENOSYS;
#endif
}

unsigned long hypercall_create_continuation(unsigned int op,
                                            const char *format, ...)
{
    return -ERESTART;
}

/* XENMEM_claim_pages */
static long claim_pages(domid_t id, unsigned long pages)
{
    struct domain *d = rcu_lock_domain_by_id(id);
    long ret;

    if ( !d )
        return -EINVAL;

    ret = d->is_dying ? -EINVAL : domain_set_outstanding_pages(d, pages);
    rcu_unlock_domain(d);

    return ret;
}

/* As if the domain began to die after do_domctl() or do_memory_op() looked. */
static long claim_late(struct domain *d, bool legacy)
{
#ifdef NATIVE_CLAIM_SETS
    const struct xen_memory_claim claim = {
        .pages = 1,
        .target = XEN_DOMCTL_CLAIM_MEMORY_HOST,
    };

    if ( !legacy )
        return domain_set_claims(d, &claim, 1);
#endif

    return domain_set_outstanding_pages(d, domain_tot_pages(d) + 1);
}

static long set_affinity(struct domain *d, unsigned long mask)
{
    nodemask_t nodes = { { mask } };

    if ( !nodes_intersects(nodes, node_online_map) )
        return -EINVAL;

    spin_lock(&d->node_affinity_lock);
    d->node_affinity = nodes;
    spin_unlock(&d->node_affinity_lock);

    return 0;
}

/* Under extents_lock. */
static void remember(struct native_domain *nd, const struct page_info *pg,
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
    if ( placement & NATIVE_EXACT )
        memflags |= MEMF_exact_node;
    if ( flags & NATIVE_NO_REFCOUNT )
        memflags |= MEMF_no_refcount;
    if ( flags & NATIVE_NOWHERE )
        memflags |= MEMF_bits(PAGE_SHIFT + 1);

    pg = alloc_domheap_pages(d, order, memflags);
    if ( !pg )
        return 0;

    if ( !(flags & NATIVE_NO_REFCOUNT) )
    {
        struct native_domain *nd = to_native(d);

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
    struct native_domain *nd = to_native(d);
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
        domain_set_outstanding_pages(d, 0);
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
    struct native_domain *nd = to_native(d);

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
    const struct native_domain *nd = to_native(d);
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

void domains_counts(struct native_counts *counts)
{
    const struct domain *d;
    unsigned int i = 0;

    native_read_lock();
    spin_lock(&domlist_update_lock);
    for_each_domain ( d )
    {
        counts->domain[i].id = d->domain_id;
        counts->domain[i].tot = domain_tot_pages(d);
        counts->domain[i].max = d->max_pages;
        counts->domain[i].outstanding = d->outstanding_pages;
        counts->domain[i].paused = d->controller_pause_count;
        counts->domain[i++].dying = d->is_dying;
    }
    spin_unlock(&domlist_update_lock);
    native_read_unlock();
    counts->nr_domains = i;
}

static long on_domain(unsigned int op, struct domain *d, const unsigned long *a)
{
    switch ( op )
    {
    case NATIVE_SET_MAX:
        nrspin_lock(&d->page_alloc_lock);
        d->max_pages = min(a[1], 0UL + UINT_MAX);
        nrspin_unlock(&d->page_alloc_lock);
        return 0;

    case NATIVE_AFFINITY:
        return set_affinity(d, a[1]);

    case NATIVE_CLAIM_LATE:
        return claim_late(d, a[1]);

    case NATIVE_UNPAUSE:
        return cmpxchg(&d->controller_pause_count, 1, 0) == 1 ? 0 : -EINVAL;

    case NATIVE_POPULATE:
        return populate(d, a[1], a[2], a[3]);

    case NATIVE_OFFLINE_USED:
        return offline_used(a[1], d);

    case NATIVE_KILL:
    case NATIVE_DESTROY:
    case NATIVE_DEPOPULATE:
    {
        long ret = 0;

        rspin_lock(&d->domain_lock);
        if ( op == NATIVE_KILL )
            kill(d);
        else if ( op == NATIVE_DESTROY )
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
    case NATIVE_BOOT:
        ret = heap_boot((const struct native_range *)a[0], a[1], a[2]);
        if ( !ret )
            domains_boot();
        return ret;

    case NATIVE_CREATE:
        return create();

    case NATIVE_CLAIM:
        return claim(a[0], a[1], (uint32_t *)a[2],
                     (struct xen_memory_claim *)a[3], a[4]);

    case NATIVE_CLAIM_PAGES:
        return claim_pages(a[0], a[1]);

    case NATIVE_OFFLINE_FREE:
        return offline_free(a[0], a[1]);

    case NATIVE_ONLINE:
        return online(a[0]);

    case NATIVE_COUNTS:
        heap_counts((struct native_counts *)a[0]);
        domains_counts((struct native_counts *)a[0]);
        return 0;

    case NATIVE_CHECK:
        return heap_check((char *)a[0], a[1], a[2]);

    case NATIVE_HAS_BLOCK:
        return heap_has_block(a[0], a[1]);

    case NATIVE_SCRUB:
        return scrub_free_pages();

    case NATIVE_RECALLS:
        return os_log((char *)a[0], a[1]);

    case NATIVE_FAIL_HEAP:
        native_fail_heap();
        return 0;
    }

    d = rcu_lock_domain_by_id(op == NATIVE_OFFLINE_USED ? a[1] : a[0]);
    if ( !d )
        return -ESRCH;
    ret = op == NATIVE_OFFLINE_USED
          ? on_domain(op, d, (const unsigned long[]){ 0, a[0] })
          : on_domain(op, d, a);
    rcu_unlock_domain(d);

    return ret;
}

/* Thread sanitizer shall see that calls on one CPU come one after the other. */
static unsigned int calls[NR_CPUS];

long native_dispatch(unsigned int cpu, unsigned int op, const unsigned long *a)
{
    long ret;

    native_cpu = cpu;
    native_irqs_off = false;
    read_atomic(&calls[cpu]);
    ret = dispatch(op, a);
    add_sized(&calls[cpu], 1);

    return ret;
}
