/* SPDX-License-Identifier: GPL-2.0-only */
/* The calls that claim, and the one that says where a domain's memory is. */

#include <xen/domain.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/mm.h>
#include <xen/numa.h>
#include <xen/sched.h>

#include "claims.h"
#include "os.h"
#include "surroundings.h"

#ifdef HOST_CLAIM_SETS
/* With an array of so many bytes behind a handle. */
static long domctl(struct xen_domctl *op, void *array, unsigned long size)
{
    long ret;

    guest_memory(op, array, size);
    while ( (ret = do_domctl(guest_handle_from_ptr(op, xen_domctl_t))) ==
            -ERESTART )
        host_relax();
    guest_memory(NULL, NULL, 0);

    return ret;
}
#endif

long claims_call(domid_t id, unsigned int mode, uint32_t *nr_entries,
                 struct xen_memory_claim *array, unsigned long room)
{
#ifdef HOST_CLAIM_SETS
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_claim_memory,
        .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
        .domain = id,
        .u.claim_memory.claim_set.p = array,
        .u.claim_memory.nr_entries = *nr_entries,
        .u.claim_memory.mode = mode,
    };
    long ret = domctl(&op, array, room * sizeof(*array));

    *nr_entries = op.u.claim_memory.nr_entries;

    return ret;
#else
    return -ENOSYS;
#endif
}

/* -> how many nodes, for each of which it has written how many pages */
long claims_node_pages(domid_t id, uint64_t *pages)
{
#ifdef HOST_CLAIM_SETS
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_numa_op,
        .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
        .domain = id,
        .u.numa_op.op = XEN_DOMCTL_NUMA_OP_GET_NODE_PAGES,
        .u.numa_op.u.get_node_pages.nr_nodes = MAX_NUMNODES,
        .u.numa_op.u.get_node_pages.node_tot_pages.p = pages,
    };

    return domctl(&op, pages, MAX_NUMNODES * sizeof(*pages)) ?:
           op.u.numa_op.u.get_node_pages.nr_nodes;
#else
    return -EOPNOTSUPP;
#endif
}

long claims_set_outstanding(struct domain *d, unsigned long pages,
                            unsigned int node)
{
#ifdef HOST_CLAIM_SETS
    return domain_set_outstanding_pages(d, pages, node);
#else
    return domain_set_outstanding_pages(d, pages);
#endif
}

/* XENMEM_claim_pages */
long claims_legacy(domid_t id, unsigned long pages, unsigned int flags)
{
    unsigned int node = NUMA_NO_NODE;
    struct domain *d;
    long ret;

    if ( flags )
    {
#ifdef HOST_CLAIM_SETS
        node = XENMEMF_get_node(flags);
#endif
        if ( node == NUMA_NO_NODE || flags != XENMEMF_exact_node(node) )
            return -EINVAL;
    }

    d = rcu_lock_domain_by_id(id);
    if ( !d )
        return -EINVAL;

    ret = d->is_dying ? -EINVAL : claims_set_outstanding(d, pages, node);
    rcu_unlock_domain(d);

    return ret;
}

/* As if the domain began to die after do_domctl() or do_memory_op() looked. */
long claims_late(struct domain *d, bool legacy)
{
#ifdef HOST_CLAIM_SETS
    const struct xen_memory_claim claim = {
        .pages = 1,
        .target = XEN_DOMCTL_CLAIM_MEMORY_HOST,
    };

    if ( !legacy )
        return domain_set_claims(d, &claim, 1);
#endif

    return claims_set_outstanding(d, domain_tot_pages(d) + 1, NUMA_NO_NODE);
}
