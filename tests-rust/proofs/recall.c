/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages of a node go offline: recall_claims(), after the free counts were lowered.
 *
 * Assumes: any number of free pages went offline at once; whoever holds claims is in domain_list.
 * Sums of the same numbers in two orders are the same.
 */
#include "host.h"

/*
 * The same 12 numbers added up by domains and by nodes: that this is the same is arithmetic, and
 * no property of Xen's. It follows from what is proved just before; solvers don't find it.
 */
static bool rows_are_columns(const struct host *h)
{
    unsigned long rows = 0, columns = 0;

    for ( unsigned int i = 0; i < NR_DOMAINS; i++ )
        rows += h->domain[i].on_nodes;
    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
        columns += h->node_claimed[n];

    return rows == columns;
}

int main(void)
{
    const unsigned int node = NODE;
    unsigned long gone = nondet_ulong();
    struct recalled_claims rc = {};
    struct host before = any_host(), after;
    unsigned long recalled;
    bool no_more = true, none_left = true;

    assume(online(node) && gone <= node_avail_pages[node]);
    node_avail_pages[node] -= gone;
    total_avail_pages -= gone;

    heap_is_locked = true;
    recall_claims(node, &rc);
    heap_is_locked = false;

    after = look();
    prove_add_up(&after);
    prove_nodes(&after);
    assume(frees_add_up(&after) && domains_add_up(&after) && I1_sum(&after) &&
           I2_sum(&after) && I2_free(&after));
    for ( unsigned int i = 0; i < NR_DOMAINS; i++ )
        none_left &= after.domain[i].out == after.domain[i].on_nodes;
    prove(I1_free(&after) || none_left,
          "claims on the host are recalled until C <= F, or none are left");
    assume(I1_free(&after) || none_left);
    assume(rows_are_columns(&after));
    prove(I1_free(&after), "I1: C <= F");

    recalled = before.node_claimed[node] - after.node_claimed[node];
    prove(recalled == (before.node_claimed[node] > after.node_free[node] ?
                       before.node_claimed[node] - after.node_free[node] : 0),
          "no more is recalled on the node than has to be");
    prove(before.claimed - after.claimed ==
          (before.claimed - recalled > after.free ?
           before.claimed - after.free : recalled),
          "no more is recalled on the host than has to be");
    for ( unsigned int i = 0; i < NR_DOMAINS; i++ )
    {
        for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
            no_more &= n == node ||
                       after.domain[i].node[n] == before.domain[i].node[n];
        no_more &= after.domain[i].out <= before.domain[i].out &&
                   after.domain[i].room == before.domain[i].room;
    }
    prove(no_more, "claims on other nodes are kept");
    prove(!rc.nr == (before.claimed == after.claimed), "what is recalled is recorded");
    for ( unsigned int e = 0; e < ARRAY_SIZE(rc.event); e++ )
        prove(e >= rc.nr || (rc.event[e].domid < NR_DOMAINS && rc.event[e].pages),
              "what is recorded names a domain and pages");
    log_recalled_claims(&rc);

    reach(!rc.nr && gone, "nothing has to be recalled");
    reach(rc.nr == NR_DOMAINS && recalled == before.claimed - after.claimed,
          "every domain loses claims on the node");
    reach(rc.nr && !recalled, "only claims on the host are recalled");
    reach(rc.nr > ARRAY_SIZE(rc.event), "more is recalled than recorded");

    return 0;
}
