/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a domain with claims on nodes gets its pages from first: get_claimed_buddy(), section 1.8 of
 * the contract.
 *
 * Assumes: nothing of get_any_node_buddy(), which is not run: no node it is called for has any
 * pages, so that all nodes are asked that can be.
 */
#include "host.h"

static unsigned int asked[MAX_NUMNODES + 1], nr_asked;

struct page_info *ask_node(unsigned int node, unsigned int zone_lo, unsigned int zone_hi,
                           unsigned int order, unsigned int memflags)
{
    expect(nr_asked <= MAX_NUMNODES, "each node is asked once, and the one asked for before");
    if ( nr_asked <= MAX_NUMNODES )
        asked[nr_asked++] = node;

    return NULL;
}

int main(void)
{
    struct domain *d = &domains[SUBJECT];
    unsigned int order = nondet_uint(), memflags = nondet_uint();
    unsigned int wanted = MEMF_get_node(memflags), first = 0;
    struct host before = any_host(), after;
    bool exact = memflags & MEMF_exact_node, near[MAX_NUMNODES], may[MAX_NUMNODES];

    assume(order <= MAX_ORDER && (wanted < MAX_NUMNODES || wanted == NUMA_NO_NODE));
    assume(before.domain[SUBJECT].on_nodes && !(memflags & MEMF_no_refcount));
    d->last_alloc_node = nondet_uint();
    assume(d->last_alloc_node < MAX_NUMNODES);
    d->node_affinity.bits[0] = nondet_ulong() & ((1UL << MAX_NUMNODES) - 1);

    heap_is_locked = true;
    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
    {
        near[n] = (d->node_affinity.bits[0] >> n) & 1;
        may[n] = claims_allow(d, n, memflags, order);
    }
    prove(!get_claimed_buddy(0, 0, order, memflags, d), "what is not found is not given");
    heap_is_locked = false;

    if ( wanted != NUMA_NO_NODE )
    {
        prove((nr_asked && asked[0] == wanted) || !may[wanted],
              "the node asked for is first, if claims allow it");
        first = may[wanted];
    }
    prove(!exact || wanted == NUMA_NO_NODE || nr_asked == first,
          "who asks for exactly one node gets no other");

    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
    {
        bool found = false;

        for ( unsigned int i = first; i < nr_asked; i++ )
            found |= asked[i] == n;
        prove(found == (may[n] && before.domain[SUBJECT].node[n] &&
                        !(exact && (wanted != NUMA_NO_NODE || !near[n]))),
              "then the nodes with claims of the domain, and no others");
    }

    for ( unsigned int i = first; i + 1 < nr_asked; i++ )
    {
        unsigned int from = d->last_alloc_node + 1, a = asked[i], b = asked[i + 1];

        prove(near[a] >= near[b], "nodes of the affinity before others");
        prove(near[a] != near[b] ||
              (a + 2 * MAX_NUMNODES - from) % MAX_NUMNODES <
              (b + 2 * MAX_NUMNODES - from) % MAX_NUMNODES,
              "from the node after the last one's, in a circle, and none twice");
    }

    after = look();
    prove(same_host(&before, &after), "what is not given changes nothing");

    reach(nr_asked == MAX_NUMNODES + 1, "every node, and the one asked for");
    reach(nr_asked == MAX_NUMNODES && wanted == NUMA_NO_NODE && !near[asked[0]],
          "every node, none in the affinity");
    reach(nr_asked == 2 && near[asked[0]] && !near[asked[1]] && asked[1] < asked[0],
          "one in the affinity, then one outside");
    reach(!nr_asked, "no node at all");

    return 0;
}
