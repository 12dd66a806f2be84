/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What release.c proves of release_node_claims() and release_host_claims(). In other proofs calls
 * to these become calls to the two below: the sums of I1 and I2 are computed here instead of
 * lowered step by step, which no solver follows through many steps.
 */

static void prove_release_is_as_proved(void)
{
    struct host h = look();

    expect(heap_is_locked, "claims are released with heap_lock held");
    prove(domains_add_up(&h) && I1_sum(&h) && I2_sum(&h),
          "claims are the sum of what is claimed wherever some are released");
}

static void lower_sums(struct domain *d, unsigned int node, unsigned long pages)
{
    struct domain_node_claims *room = d->node_claims;
    struct host was = look(), h;

    if ( room )
    {
        room->total = 0;
        for ( unsigned int n = room->nr_nodes; n-- > 0; )
            room->total += room->pages[n];
    }

    h = look();
    outstanding_claims = 0;
    for ( unsigned int i = 0; i < NR_DOMAINS; i++ )
        outstanding_claims += h.domain[i].out;
    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
    {
        node_claimed_pages[n] = 0;
        for ( unsigned int i = 0; i < NR_DOMAINS; i++ )
            node_claimed_pages[n] += h.domain[i].node[n];
    }

    /* Of a sum, one part is lowered: arithmetic. */
    assume(outstanding_claims == was.claimed - pages);
    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
        assume(node_claimed_pages[n] == was.node_claimed[n] - (n == node ? pages : 0));
}

unsigned long release_node_claims_as_proved(struct domain *d, unsigned int node,
                                            unsigned long max)
{
    struct domain_node_claims *room = d->node_claims;
    unsigned int pages = 0;

    prove_release_is_as_proved();
    expect(node < MAX_NUMNODES, "claims are released on a node there can be");
    if ( room && node < room->nr_nodes )
    {
        pages = room->pages[node] < max ? room->pages[node] : max;
        room->pages[node] -= pages;
        if ( !room->pages[node] )
            room->nodes.bits[0] &= ~(1UL << node);
        d->outstanding_pages -= pages;
        lower_sums(d, node, pages);
    }

    return pages;
}

unsigned long release_host_claims_as_proved(struct domain *d, unsigned long max)
{
    unsigned int host = d->outstanding_pages - (d->node_claims ? d->node_claims->total : 0);
    unsigned int pages = host < max ? host : max;

    prove_release_is_as_proved();
    d->outstanding_pages -= pages;
    lower_sums(d, MAX_NUMNODES, pages);

    return pages;
}
