/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The legacy call, and what domain death does: domain_set_outstanding_pages(), with its rules
 * (section 1.6 of the contract) written once more here.
 *
 * Assumes: any 64-bit number of pages, any node, or none. Nodes do not come online between the
 * allocation and the lock.
 */
#include "host.h"

int main(void)
{
    struct host before = any_host(), after;
    const typeof(before.domain[0]) *was = &before.domain[SUBJECT], *is = &after.domain[SUBJECT];
    unsigned long pages = nondet_ulong(), claim = pages - was->tot;
    unsigned int node = nondet_bool() ? NUMA_NO_NODE : nondet_uint() & 0xff;
    bool on_host = node == NUMA_NO_NODE, no_others = true;
    int ret = domain_set_outstanding_pages(&domains[SUBJECT], pages, node), wanted = 0;

    after = look();
    prove_invariants(&after);

    if ( pages )
    {
        if ( domains[SUBJECT].is_dying || was->out || pages <= was->tot || pages > was->max )
            wanted = -EINVAL;
        else if ( !on_host && !online(node) )
            wanted = -ENOENT;
        else if ( !on_host && claim > before.node_free[node] - before.node_claimed[node] )
            wanted = -ENOMEM;
        else if ( claim > before.free - before.claimed )
            wanted = -ENOMEM;
    }
    if ( heap_failed )
        wanted = -ENOMEM; /* Row 8, before all that the locks are needed for. */
    prove(ret == wanted, "the rules of 1.6 decide");

    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
        no_others &= !is->node[n] || (pages && n == node);
    if ( ret )
        prove(same_host(&before, &after), "a refused call changes nothing");
    else if ( pages )
        prove(is->out == claim && no_others && is->on_nodes == (on_host ? 0 : claim) &&
              I3(&after, SUBJECT), "the claim is pages - tot_pages, where it was asked for, I3");
    else
        prove(!is->out && no_others, "0 pages, or death, releases everything");
    for ( unsigned int i = 0; i < SUBJECT; i++ )
        prove(same_claims(&before, &after, i), "other domains keep their claims");
    if ( allocated )
        prove(pages && !on_host && freed == (is->room == allocated ? was->room : allocated),
              "room is allocated for a node's claim only, and what is not in use is freed");
    else
        prove(!freed && is->room == was->room, "no room is freed but for another");

    reach(!ret && pages && on_host, "a claim on the host is installed");
    reach(!ret && pages && !on_host, "a claim on a node is installed");
    reach(!ret && !pages && !on_host && !online(node), "releasing by a node there is not");
    reach(!ret && !pages && was->out && domains[SUBJECT].is_dying, "death releases claims");
    reach(ret == -EINVAL && domains[SUBJECT].is_dying && !was->out, "EINVAL: dying");
    reach(ret == -EINVAL && !domains[SUBJECT].is_dying && was->out, "EINVAL: claims already");
    reach(ret == -EINVAL && !was->out && pages <= was->tot, "EINVAL: has that many already");
    reach(ret == -EINVAL && !was->out && pages > was->max, "EINVAL: more than max_pages");
    reach(ret == -ENOENT, "ENOENT");
    reach(ret == -ENOMEM && on_host, "ENOMEM: the host");
    reach(ret == -ENOMEM && !on_host && claim <= before.free - before.claimed, "ENOMEM: the node");
#if ROOM < MAX_NUMNODES
    reach(ret == -ENOMEM && heap_failed, "ENOMEM: Xen heap");
#endif

    return 0;
}
