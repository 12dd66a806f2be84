/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inspecting: domain_get_claims().
 *
 * Assumes: the caller has room for MAX_NUMNODES + 1 entries, and no more.
 */
#include "host.h"

int main(void)
{
    struct xen_memory_claim set[MAX_NUMNODES + 1];
    struct host before = any_host(), after;
    unsigned int nr = domain_get_claims(&domains[SUBJECT], set), wanted = 1;

    after = look();
    prove(same_host(&before, &after), "GET changes nothing");
    expect(!heap_is_locked && !page_alloc_locked, "all locks are dropped");

    prove(nr >= 1 && set[0].target == XEN_DOMCTL_CLAIM_MEMORY_HOST && !set[0].pad &&
          set[0].pages == before.domain[SUBJECT].out - before.domain[SUBJECT].on_nodes,
          "the host comes first, with its claim even if that is 0");
    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
        if ( before.domain[SUBJECT].node[n] )
        {
            prove(wanted < nr && set[wanted].target == n && !set[wanted].pad &&
                  set[wanted].pages == before.domain[SUBJECT].node[n],
                  "nodes claimed on follow in ascending order");
            wanted++;
        }
    prove(nr == wanted, "GET returns as many entries as there are");

    reach(nr == 1, "GET of no claims on nodes");
#if ROOM == MAX_NUMNODES
    reach(nr == 3 && set[0].pages && set[2].target == 2, "GET of the host and two nodes");
#endif

    return 0;
}
