/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An allocation uses up claims: redeem_claims(), followed by what alloc_heap_pages() does next,
 * which is to lower the free counts of the node and the host.
 *
 * Assumes: the rules of section 1.8 of the contract allowed the allocation, see allow.c.
 */
#include "host.h"

int main(void)
{
    struct domain *d = &domains[SUBJECT];
    unsigned int order = nondet_uint();
    const unsigned int node = NODE;
    unsigned long request, used;
    struct host before = any_host(), after;
    unsigned long own;
    bool elsewhere;

    assume(order <= MAX_ORDER && online(node));
    request = 1UL << order;
    own = before.domain[SUBJECT].node[node];
    assume(request <= before.free - before.claimed + before.domain[SUBJECT].out);
    assume(request <= before.node_free[node] - before.node_claimed[node] + own);
    /* Rule 3 does not hold for single pages, nor for the node that was asked for. */
    elsewhere = own + before.domain[SUBJECT].out - before.domain[SUBJECT].on_nodes < request &&
                request <= before.domain[SUBJECT].out;

    heap_is_locked = true;
    redeem_claims(d, node, request);
    after = look();
    prove(I1_free(&after) && I2_free(&after),
          "I1, I2: C <= F and C[n] <= F[n] even before the counts are lowered");
    node_avail_pages[node] -= request;
    total_avail_pages -= request;
    heap_is_locked = false;

    after = look();
    prove_invariants(&after);

    used = before.domain[SUBJECT].out - after.domain[SUBJECT].out;
    prove(used == min(before.domain[SUBJECT].out, request),
          "min(out, request) pages are redeemed");
    prove(before.domain[SUBJECT].node[node] - after.domain[SUBJECT].node[node] ==
          min(own, request),
          "claims on the node are redeemed first");
    prove(after.domain[SUBJECT].on_nodes + own - after.domain[SUBJECT].node[node] >=
          before.domain[SUBJECT].on_nodes ||
          after.domain[SUBJECT].out == after.domain[SUBJECT].on_nodes,
          "claims on other nodes are redeemed last");
    for ( unsigned int other = 0; other < MAX_NUMNODES; other++ )
        prove(other == node || elsewhere || request > before.domain[SUBJECT].out ||
              after.domain[SUBJECT].node[other] == before.domain[SUBJECT].node[other],
              "by rule 3, claims that cover the request stay what they are on other nodes");
    for ( unsigned int other = 0; other < MAX_NUMNODES; other++ )
        for ( unsigned int lower = 0; lower < other; lower++ )
            prove(other == node || lower == node || !after.domain[SUBJECT].node[lower] ||
                  after.domain[SUBJECT].node[other] == before.domain[SUBJECT].node[other],
                  "claims on other nodes are redeemed in ascending order");
    for ( unsigned int i = 0; i < SUBJECT; i++ )
        prove(same_claims(&before, &after, i), "other domains keep their claims");

    /* assign_pages() lets no domain have more than its maximum. */
    if ( I3(&before, SUBJECT) &&
         before.domain[SUBJECT].tot + request <= before.domain[SUBJECT].max )
    {
        after.domain[SUBJECT].tot += request;
        prove(I3(&after, SUBJECT), "I3: tot_pages + out <= max_pages");
        reach(after.domain[SUBJECT].out, "I3 with claims left");
    }

    reach(used > own && after.domain[SUBJECT].on_nodes < before.domain[SUBJECT].on_nodes - own,
          "claims on other nodes are redeemed");
    reach(request > before.domain[SUBJECT].out && used, "unclaimed pages make up");
    reach(order == MAX_ORDER && own == request, "an order of MAX_ORDER is redeemed on its node");

    return 0;
}
