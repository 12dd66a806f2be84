/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which domains there are, in the order in which common/domain.c does it, and
 * for how long those who found one may look at it.
 */

#include <xen/domain.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/sched.h>
#include <xen/xvmalloc.h>

#include "domains.h"
#include "os.h"

struct domain *domain_list;
DEFINE_RCU_READ_LOCK(domlist_read_lock);
DEFINE_SPINLOCK(domlist_update_lock);

static unsigned long free_structs[DIV_ROUND_UP(HOST_MAX_DOMAINS + 4, 64)];
static unsigned int next_domid, readers;
static struct rcu_head *waiting;
static DEFINE_SPINLOCK(waiting_lock);

static struct domain *alloc_domain(domid_t id)
{
    struct host_domain *nd;
    struct domain *d;
    unsigned int i;

    BUILD_BUG_ON(sizeof(*nd) > PAGE_SIZE);
    BUILD_BUG_ON(HOST_MAX_DOMAINS + 4 > 1023);

    for ( i = 0; ; i++ )
    {
        if ( i >= HOST_MAX_DOMAINS + 4 )
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
    struct host_domain *nd = container_of(head, struct host_domain, rcu);

#ifdef HOST_CLAIM_SETS
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
    host_caller.domain = alloc_domain(0);
    spin_debug_enable();
}

/*
 * RCU: what was unlinked is freed when there are no readers. Those do not wait
 * for each other, nor does thread sanitizer get to think so.
 */

void host_read_lock(void)
{
    __atomic_fetch_add(&readers, 1, __ATOMIC_RELAXED);
}

void host_read_unlock(void)
{
    struct rcu_head *head;

    if ( !__atomic_load_n(&waiting, __ATOMIC_RELAXED) )
    {
        __atomic_fetch_sub(&readers, 1, __ATOMIC_RELEASE);
        return;
    }

    /* Who is last now has seen the list; later readers can't see what is in it. */
    spin_lock(&waiting_lock);
    head = waiting;
    if ( __atomic_fetch_sub(&readers, 1, __ATOMIC_ACQ_REL) == 1 )
        __atomic_store_n(&waiting, NULL, __ATOMIC_RELAXED);
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
    host_read_lock();
    spin_lock(&waiting_lock);
    head->func = func;
    head->next = waiting;
    __atomic_store_n(&waiting, head, __ATOMIC_RELAXED);
    spin_unlock(&waiting_lock);
    host_read_unlock();
}

struct domain *rcu_lock_domain_by_id(domid_t id)
{
    struct domain *d;

    host_read_lock();
    for_each_domain ( d )
        if ( d->domain_id == id )
            break;

    if ( !d )
        host_read_unlock();

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

    call_rcu(&to_host_domain(d)->rcu, free_domain);
}

long domains_create(void)
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

long domain_set_affinity(struct domain *d, unsigned long mask)
{
    nodemask_t nodes = { { mask } };

    if ( !nodes_intersects(nodes, node_online_map) )
        return -EINVAL;

    spin_lock(&d->node_affinity_lock);
    d->node_affinity = nodes;
    spin_unlock(&d->node_affinity_lock);

    return 0;
}

unsigned int domains_with_room(void)
{
    unsigned int nr = 0;
#ifdef HOST_CLAIM_SETS
    const struct domain *d;

    /* Those that nobody looks at any more are gone afterwards. */
    host_read_lock();
    host_read_unlock();

    for_each_domain ( d )
        nr += d->node_claims != NULL;
#endif

    return nr;
}

void domains_counts(struct host_counts *counts)
{
    const struct domain *d;
    unsigned int i = 0;

    host_read_lock();
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
    host_read_unlock();
    counts->nr_domains = i;
}
