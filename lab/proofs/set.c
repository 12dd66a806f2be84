/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Installing a claim set: domain_set_claims(). It is compared with a specification of its own,
 * written from rows 7, 9 and 10 to 16 of section 1.4 of the contract.
 *
 * Assumes: 1 to 4 entries of any contents; the caller refuses a set of none. Nodes do not come
 * online between the allocation and the lock. Sums of the same numbers in two orders are the same.
 * What is there before are sums of some of 1, 2, 2^9, 2^18 and 2^31 pages: see BITS.
 */

/*
 * Orders that are allocated, 2 of anything carry, and the largest of 32 bits. With any 32 bits the
 * solver came to no end in 15 minutes.
 */
#define BITS 0x80040203U
#include "host.h"

#define MAX_ENTRIES 4
#define HOST        XEN_DOMCTL_CLAIM_MEMORY_HOST
#define LEGACY      XEN_DOMCTL_CLAIM_MEMORY_LEGACY

/* What the entries add up to. */
struct asked {
    unsigned long host, on_nodes, node[MAX_NUMNODES];
};

/* The row of the contract that decides, 0 for success. */
static unsigned int deciding_row(const struct host *h, unsigned int i,
                                 const struct xen_memory_claim *set,
                                 unsigned int nr, struct asked *asked)
{
    unsigned long sum;

    if ( domains[i].is_dying )
        return 7;

    for ( unsigned int e = 0; e < nr; e++ )
    {
        unsigned int node = set[e].target;
        bool again = false;

        for ( unsigned int earlier = 0; earlier < e; earlier++ )
            again |= set[earlier].target == node;

        if ( set[e].pad )
            return 10;
        if ( node == HOST && again )
            return 11;
        if ( node == LEGACY )
            return 13; /* Section 1.6: EINVAL, as a second entry is. */
        if ( node != HOST && !online(node) )
            return 12;
        if ( node != HOST && again )
            return 13;
        if ( node != HOST &&
             set[e].pages > h->node_free[node] -
                            (h->node_claimed[node] - h->domain[i].node[node]) )
            return 14;
        if ( node == HOST )
            asked->host = set[e].pages;
        else
        {
            asked->node[node] = set[e].pages;
            asked->on_nodes += set[e].pages; /* No more than is free there. */
        }
    }

    /* No maximum has more than 32 bits. */
    if ( asked->host >> 32 )
        return 15;
    sum = asked->on_nodes + asked->host;
    if ( sum && sum + h->domain[i].tot > h->domain[i].max )
        return 15;
    if ( sum > h->free - (h->claimed - h->domain[i].out) )
        return 16;

    return 0;
}

/* That of rows 7 to 13. */
static int errno_of(unsigned int row)
{
    switch ( row )
    {
    case 7:  return -ESRCH;
    case 9:  return -ENOMEM;
    case 12: return -ENOENT;
    default: return -EINVAL;
    }
}

/* What others claim and the entries, added up in their order. */
static unsigned long add_up(unsigned long others, const struct xen_memory_claim *set,
                            unsigned int nr)
{
    for ( unsigned int e = 0; e < nr; e++ )
        others += set[e].pages;

    return others;
}

int main(void)
{
    const unsigned int i = SUBJECT;
    struct xen_memory_claim set[MAX_ENTRIES];
    unsigned int nr = nondet_uint(), row;
    struct host before = any_host(), after;
    struct asked asked = {};
    int ret;

    assume(nr >= 1 && nr <= MAX_ENTRIES);
    row = deciding_row(&before, i, set, nr, &asked);

    ret = domain_set_claims(&domains[i], set, nr);
    after = look();
    if ( heap_failed )
        row = 9; /* Row 7 is decided before, and then again with the locks held. */

    prove(!row || row > 13 || ret == errno_of(row), "rows 7 to 13 of 1.4 decide, in their order");
    prove(row != 14 || ret == -ENOMEM, "row 14 of 1.4 decides after 10 to 13: on a node");
    prove(row != 15 || ret == -EINVAL, "row 15 of 1.4 decides after 14: the maximum");
    prove(row != 16 || ret == -ENOMEM, "row 16 of 1.4 decides after 15: on the host");
    prove(row || !ret, "nothing else is refused");
    assume(!row == !ret);

    if ( !ret )
    {
        bool exact = after.domain[i].out == add_up(0, set, nr);
        unsigned long others = before.domain[0].out + before.domain[1].out;

        for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
            exact &= after.domain[i].node[n] == asked.node[n];
        prove(exact, "what was asked for is claimed, and nothing else");
        assume(exact);

        /* The same numbers are added up in other orders. */
        assume(after.domain[i].on_nodes == asked.on_nodes);
        assume(after.domain[i].out == asked.on_nodes + asked.host);
        assume(add_up(others, set, nr) == others + after.domain[i].out);
    }

    prove_invariants(&after);
    prove(ret || !after.domain[i].out || I3(&after, i), "I3: tot_pages + out <= max_pages");
    prove(!ret || same_host(&before, &after), "a refused SET changes nothing");

    for ( unsigned int other = 0; other < NR_DOMAINS; other++ )
        prove(other == i || same_claims(&before, &after, other),
              "other domains keep their claims");

    if ( allocated )
        prove(freed == (after.domain[i].room == allocated ? before.domain[i].room
                                                          : allocated),
              "the room not in use is freed, the one in use is not");
    else
        prove(!freed && after.domain[i].room == before.domain[i].room,
              "the room not in use is freed, the one in use is not");

    reach(!ret && nr == MAX_ENTRIES && set[0].pages && set[1].pages && set[2].pages &&
          set[3].pages && (!ROOM || before.domain[i].on_nodes),
          "SET of four claims, which replaces some");
    reach(!ret && !after.domain[i].out && before.domain[i].out, "SET of zeros releases claims");
#if ROOM < MAX_NUMNODES
    reach(!ret && allocated && !freed == !ROOM, "SET with more room than before");
    reach(ret == -ENOMEM && row == 9, "SET refused by row 9, ENOMEM: Xen heap");
#endif
    reach(row == 7, "SET refused by row 7, ESRCH: dying");
    reach(row == 10, "SET refused by row 10, EINVAL: pad");
    reach(row == 11, "SET refused by row 11, EINVAL: second host entry");
    reach(row == 12, "SET refused by row 12, ENOENT: no online node");
    reach(row == 13, "SET refused by row 13, EINVAL: second entry for a node");
    reach(row == 14, "SET refused by row 14, ENOMEM: on a node");
    reach(row == 15, "SET refused by row 15, EINVAL: more than max_pages");
    reach(row == 16, "SET refused by row 16, ENOMEM: on the host");

    return 0;
}
