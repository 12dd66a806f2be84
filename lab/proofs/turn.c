/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a domain with claims on nodes gets its pages from first: get_claimed_buddy(), section 1.8 of
 * the contract.
 *
 * Assumes: nothing of get_any_node_buddy(), which is not run: no node it is called for has any
 * pages, so that all nodes are asked that can be. It asks claims_allow() as allow.c has it, unless
 * the domain claims as many pages there, which allow.c shows to be allowed then.
 */
#include "host.h"

static unsigned int asked[MAX_NUMNODES + 1], nr_asked;

struct page_info *ask_node(unsigned int node, unsigned int zone_lo, unsigned int zone_hi,
                           unsigned int order, unsigned int memflags, const struct domain *d)
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
    unsigned int wanted = MEMF_get_node(memflags), first = wanted < MAX_NUMNODES;
    struct host before = any_host(), after;
    bool near[MAX_NUMNODES];
    struct page_info *pg;

    assume(order <= MAX_ORDER && (wanted < MAX_NUMNODES || wanted == NUMA_NO_NODE));
    assume(before.domain[SUBJECT].on_nodes);
    d->last_alloc_node = nondet_uint();
    assume(d->last_alloc_node < MAX_NUMNODES);
    d->node_affinity.bits[0] = nondet_ulong() & ((1UL << MAX_NUMNODES) - 1);

    heap_is_locked = true;
    pg = get_claimed_buddy(0, 0, order, memflags, d);
    heap_is_locked = false;
    prove(!pg, "what is not found is not given");

    prove(!first || (nr_asked && asked[0] == wanted), "the node asked for is first");

    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
    {
        bool found = false;

        near[n] = (d->node_affinity.bits[0] >> n) & 1;
        for ( unsigned int i = first; i < nr_asked; i++ )
            found |= asked[i] == n;
        /* To ask once more the one asked for, in vain, is of no consequence. */
        prove(n == wanted || found == !!before.domain[SUBJECT].node[n],
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
    reach(nr_asked == MAX_NUMNODES && !first && !near[asked[0]], "every node, none in the affinity");
    reach(nr_asked == 2 && !first && near[asked[0]] && !near[asked[1]] && asked[1] < asked[0],
          "one in the affinity, then one outside");
    reach(nr_asked == 1 && !first, "one node");

    return 0;
}
