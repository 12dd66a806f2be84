/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A free page of a node goes offline: recall_claim(), after the free counts were lowered.
 *
 * Assumes: one page went offline, as it is in offline_page(); whoever holds claims is in domain_list.
 * Sums of the same numbers in two orders are the same.
 */
#include "host.h"

/*
 * The same 9 numbers added up by domains and by nodes: that this is the same is arithmetic, and
 * no property of Xen's; solvers don't find it.
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
    struct host before = any_host(), after;
    struct recalled_claim rc;
    bool on_node, on_host, exact = true;

    assume(rows_are_columns(&before));
    assume(online(node) && node_avail_pages[node]);
    on_node = before.node_claimed[node] == before.node_free[node];
    on_host = before.claimed == before.free;
    node_avail_pages[node]--;
    total_avail_pages--;

    heap_is_locked = true;
    rc = recall_claim(node);
    heap_is_locked = false;
    log_recalled_claim(&rc);

    after = look();
    prove_invariants(&after);

    prove(before.node_claimed[node] - after.node_claimed[node] == on_node,
          "a page is recalled on the node exactly if it has to be");
    prove(before.claimed - after.claimed == (on_node || on_host),
          "a page is recalled exactly if it has to be");
    for ( unsigned int i = 0; i < NR_DOMAINS; i++ )
    {
        bool loses = rc.domid == i;

        exact &= before.domain[i].out - after.domain[i].out == loses;
        for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
            exact &= before.domain[i].node[n] - after.domain[i].node[n] ==
                     (loses && rc.node == n);
    }
    prove(exact, "the domain recorded loses a page where it is recorded, and no other does");

    reach(!on_node && !on_host, "nothing has to be recalled");
    reach(on_node && rc.domid == NR_DOMAINS - 1, "the last domain loses a claim on the node");
    reach(on_node && on_host, "node and host are claimed, and one page does for both");
    reach(!on_node && rc.domid == 0, "the first domain loses a claim on the host");

    return 0;
}
