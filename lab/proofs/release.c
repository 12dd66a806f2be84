/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims are given back one node at a time: release_node_claims() and release_host_claims(). All
 * that lowers claims calls these; the proofs of that rely on this one.
 *
 * Assumes: heap_lock is held. More may be claimed than is free, as it is while claims are recalled.
 * Any node, and any 64-bit maximum.
 */
#include "host.h"

int main(void)
{
    struct domain *d = &domains[SUBJECT];
    unsigned int node = nondet_uint();
    unsigned long max = nondet_ulong(), pages, claimed;
    struct host before = any_claims(), after;
    bool of_host = nondet_bool(), exact = true;

    assume(node < MAX_NUMNODES);
    claimed = of_host ? before.domain[SUBJECT].out - before.domain[SUBJECT].on_nodes
                      : before.domain[SUBJECT].node[node];

    heap_is_locked = true;
    pages = of_host ? release_host_claims(d, max) : release_node_claims(d, node, max);
    heap_is_locked = false;

    after = look();
    prove(domains_add_up(&after), "a domain's claims are the sum it keeps of them");
    prove(I1_sum(&after), "I1: C is the sum of all claims");
    prove(I2_sum(&after), "I2: C[n] is the sum of the claims on node n");
    prove(I4(&after), "I4: no claim on a node that is not online");

    prove(pages == (claimed < max ? claimed : max),
          "as much is released as is claimed, up to a maximum");
    prove(after.domain[SUBJECT].out == before.domain[SUBJECT].out - pages,
          "out(d) is lowered by what is released");
    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
        exact &= after.domain[SUBJECT].node[n] ==
                 before.domain[SUBJECT].node[n] - (!of_host && n == node ? pages : 0);
    prove(exact, "c(d,n) is lowered by what is released, no other is");
    prove(frees_add_up(&after) && before.free == after.free, "free pages stay free");
    prove(after.domain[SUBJECT].room == before.domain[SUBJECT].room,
          "the room for claims on nodes is kept");
    for ( unsigned int i = 0; i < SUBJECT; i++ )
        prove(same_claims(&before, &after, i), "other domains keep their claims");

    reach(of_host && pages && pages == max, "some host claims are released");
    reach(of_host && pages && pages < max, "all host claims are released");
#if ROOM
    reach(!of_host && pages && pages == max, "some claims on a node are released");
    reach(!of_host && pages && pages < max, "all claims on a node are released");
#endif

    return 0;
}
