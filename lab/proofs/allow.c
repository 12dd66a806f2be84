/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who may allocate: the three rules of section 1.8 of the contract, in alloc_heap_pages() for the
 * host and in claims_allow() for a node. What these allow is what redeem.c assumes.
 *
 * Assumes: nothing of get_claimed_buddy() and get_free_buddy(), which are not run: what is looked at
 * is whether they are called. What the former does is for turn.c; that the latter asks
 * claims_allow() of each node is for the tests: ../mutants/page_alloc.mutants.
 */
#include "host.h"

static bool pages_are_looked_for, where_claimed;

struct page_info *look_where_claimed(unsigned int zone_lo, unsigned int zone_hi,
                                     unsigned int order, unsigned int memflags,
                                     struct domain *d)
{
    expect(heap_is_locked && !pages_are_looked_for,
           "pages are looked for where they are claimed first, with heap_lock held");
    where_claimed = true;

    return NULL;
}

struct page_info *look_for_pages(unsigned int zone_lo, unsigned int zone_hi,
                                 unsigned int order, unsigned int memflags,
                                 struct domain *d)
{
    expect(heap_is_locked, "pages are looked for with heap_lock held");
    pages_are_looked_for = true;

    return NULL;
}

int main(void)
{
    unsigned int order = nondet_uint(), memflags = nondet_uint();
    unsigned int node = nondet_uint();
    struct host before = any_host(), after;
    unsigned long request, on_host = 0, on_node = 0, on_any = 0;
    struct domain *d = nondet_bool() ? &domains[SUBJECT] : NULL;
    struct page_info *pg;
    bool allowed, elsewhere;

    assume(order <= MAX_ORDER && node < MAX_NUMNODES);
    request = 1UL << order;
    if ( d && !(memflags & MEMF_no_refcount) )
    {
        on_host = before.domain[SUBJECT].out;
        on_node = before.domain[SUBJECT].node[node];
        on_any = on_host - before.domain[SUBJECT].on_nodes;
    }
    elsewhere = order && MEMF_get_node(memflags) != node &&
                on_node + on_any < request && request <= on_host;

    heap_is_locked = true;
    allowed = claims_allow(d, node, memflags, order);
    heap_is_locked = false;
    prove(allowed == (request <= before.node_free[node] -
                                 (before.node_claimed[node] - on_node) && !elsewhere),
          "a node is allowed exactly if r <= F[n] - C[n] + own c(d,n), and not c + h < r <= out");

    pg = alloc_heap_pages(0, 0, order, memflags, d);
    expect(!pg, "what is not found is not given");
    prove(pages_are_looked_for == (request <= before.free - (before.claimed - on_host)),
          "the host is allowed exactly if r <= F - C + own out(d)");
    prove(where_claimed == (pages_are_looked_for && on_host != on_any &&
                            !(memflags & MEMF_exact_node)),
          "pages are looked for where they are claimed exactly if there are node claims");
    /* What get_free_buddy() and get_any_node_buddy() take for granted. */
    prove(order || request > before.node_free[node] - before.node_claimed[node] || allowed,
          "an unclaimed page is anybody's");
    prove(on_node < request || allowed, "what a domain claims of a node, it may have");

    after = look();
    prove(same_host(&before, &after), "what is not given changes nothing");
    expect(!heap_is_locked && !page_alloc_locked, "all locks are dropped");

    reach(allowed && before.node_claimed[node] - on_node, "unclaimed pages of a node");
    reach(!allowed && before.node_free[node] >= request, "claimed pages of a node");
    reach(allowed && before.node_free[node] - before.node_claimed[node] < request,
          "own claims on a node");
    reach(!allowed && elsewhere && before.node_free[node] - before.node_claimed[node] >= request,
          "claims on other nodes");
    reach(pages_are_looked_for && before.free - before.claimed < request, "own claims");
    reach(!pages_are_looked_for && before.free >= request && !d, "claims of others");

    return 0;
}
