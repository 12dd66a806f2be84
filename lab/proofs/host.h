/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A host in any state that satisfies the invariants: 3 nodes, any of them online, 3 domains. What
 * is claimed and free is symbolic. To be included by each proof, which then runs one operation of
 * Xen's page_alloc.c and asserts what has to be true afterwards.
 */
#include "environment.h"

/* The state, and its copy as it was. */

#define NR_DOMAINS 3
#define SUBJECT    2   /* Domains are alike: this one is operated on. */

static struct domain domains[NR_DOMAINS];

struct host {
    unsigned long free, claimed;                /* F and C */
    unsigned long node_free[MAX_NUMNODES];      /* F[n] */
    unsigned long node_claimed[MAX_NUMNODES];   /* C[n] */
    struct {
        unsigned long out, tot, max;            /* out(d), tot_pages, max_pages */
        unsigned long on_nodes;                 /* sum over n of c(d,n) */
        unsigned long total;                    /* what Xen takes that sum to be */
        unsigned long nodes;                    /* where it takes c(d,n) not to be 0 */
        unsigned long node[MAX_NUMNODES];       /* c(d,n) */
        const struct domain_node_claims *room;
    } domain[NR_DOMAINS];
};

static struct host look(void)
{
    struct host h = { .free = total_avail_pages, .claimed = outstanding_claims };

    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
    {
        h.node_free[n] = node_avail_pages[n];
        h.node_claimed[n] = node_claimed_pages[n];
    }

    for ( unsigned int i = 0; i < NR_DOMAINS; i++ )
    {
        const struct domain *d = &domains[i];
        const struct domain_node_claims *room = d->node_claims;

        h.domain[i].out = d->outstanding_pages;
        h.domain[i].tot = d->tot_pages - d->extra_pages;
        h.domain[i].max = d->max_pages;
        h.domain[i].room = room;
        h.domain[i].total = room ? room->total : 0;
        h.domain[i].nodes = room ? room->nodes.bits[0] : 0;
        for ( unsigned int n = MAX_NUMNODES; n-- > 0; )
        {
            h.domain[i].node[n] = room && n < room->nr_nodes ? room->pages[n] : 0;
            h.domain[i].on_nodes += h.domain[i].node[n];
        }
    }

    return h;
}

static bool online(unsigned int node)
{
    return node < MAX_NUMNODES && ((node_online_map.bits[0] >> node) & 1);
}

/* The pages counted add up, on nodes and on the host. */
static bool frees_add_up(const struct host *h)
{
    unsigned long sum = 0;

    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
        sum += h->node_free[n];

    return h->free == sum;
}

/* What Xen keeps of a domain's claims agrees with itself. */
static bool domains_add_up(const struct host *h)
{
    bool ok = true;

    for ( unsigned int i = 0; i < NR_DOMAINS; i++ )
    {
        unsigned long nodes = 0;

        for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
            nodes |= (h->domain[i].node[n] ? 1UL : 0UL) << n;
        ok &= h->domain[i].total == h->domain[i].on_nodes &&
              h->domain[i].nodes == nodes &&
              h->domain[i].on_nodes <= h->domain[i].out;
    }

    return ok;
}

static bool I1_sum(const struct host *h)
{
    unsigned long sum = 0;

    for ( unsigned int i = 0; i < NR_DOMAINS; i++ )
        sum += h->domain[i].out;

    return h->claimed == sum;
}

static bool I1_free(const struct host *h)
{
    return h->claimed <= h->free;
}

static bool I2_sum(const struct host *h)
{
    bool ok = true;

    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
    {
        unsigned long sum = 0;

        for ( unsigned int i = 0; i < NR_DOMAINS; i++ )
            sum += h->domain[i].node[n];
        ok &= h->node_claimed[n] == sum;
    }

    return ok;
}

static bool I2_free(const struct host *h)
{
    bool ok = true;

    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
        ok &= h->node_claimed[n] <= h->node_free[n];

    return ok;
}

static bool I3(const struct host *h, unsigned int i)
{
    return h->domain[i].tot + h->domain[i].out <= h->domain[i].max;
}

static bool I4(const struct host *h)
{
    bool ok = true;

    for ( unsigned int i = 0; i < NR_DOMAINS; i++ )
        for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
            ok &= online(n) || !h->domain[i].node[n];

    return ok;
}

static bool same_claims(const struct host *a, const struct host *b, unsigned int i)
{
    bool same = a->domain[i].out == b->domain[i].out;

    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
        same &= a->domain[i].node[n] == b->domain[i].node[n];

    return same;
}

static bool same_counts(const struct host *a, const struct host *b)
{
    bool same = a->free == b->free && a->claimed == b->claimed;

    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
        same &= a->node_free[n] == b->node_free[n] &&
                a->node_claimed[n] == b->node_claimed[n];

    return same;
}

static bool same_host(const struct host *a, const struct host *b)
{
    bool same = same_counts(a, b);

    for ( unsigned int i = 0; i < NR_DOMAINS; i++ )
        same &= same_claims(a, b, i) && a->domain[i].room == b->domain[i].room;

    return same;
}

/* Pages of a domain are counted in 32 bits, any of them unless a proof says which. */
#ifndef BITS
#define BITS ~0U
#endif

static unsigned int pages_counted(void)
{
    return nondet_uint() & BITS;
}

/*
 * Any claims, of which what is said of the host and the nodes is the sum. They satisfy I1, I2 and
 * I4, except that more may be claimed than is free.
 */
static struct host any_claims(void)
{
    node_online_map.bits[0] = nondet_ulong() & ((1UL << MAX_NUMNODES) - 1);
    assume(node_online_map.bits[0]);

    total_avail_pages = 0;
    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
    {
        node_avail_pages[n] = nondet_ulong() & (BITS | 7UL << 32);
        total_avail_pages += node_avail_pages[n];
    }

    for ( unsigned int i = 0; i < NR_DOMAINS; i++ )
    {
        struct domain *d = &domains[i];
        struct domain_node_claims *room;
        unsigned int nr_nodes = MAX_NUMNODES, on_any = pages_counted();
        unsigned long out = on_any;

        d->domain_id = i;
        d->next_in_list = i + 1 < NR_DOMAINS ? &domains[i + 1] : NULL;
        d->tot_pages = pages_counted();
        d->extra_pages = pages_counted();
        assume(d->extra_pages <= d->tot_pages);
        d->max_pages = pages_counted();
        d->is_dying = nondet_bool() ? DOMDYING_dying : DOMDYING_alive;

#ifdef ROOM
        if ( i == SUBJECT )
            nr_nodes = ROOM;
#endif

        room = room_for(nr_nodes);
        d->node_claims = room;
        if ( room )
            room->nr_nodes = nr_nodes;
        for ( unsigned int n = nr_nodes; n-- > 0; )
        {
            unsigned int pages = online(n) ? pages_counted() : 0;

            room->pages[n] = pages;
            room->total += pages;
            room->nodes.bits[0] |= (pages ? 1UL : 0UL) << n;
            node_claimed_pages[n] += pages;
            out += pages;
        }
        assume(out == (unsigned int)out);
        d->outstanding_pages = out;
        outstanding_claims += out;
    }
    domain_list = &domains[0];

    return look();
}

/* Any state that satisfies the invariants, I3 excepted. */
static struct host any_host(void)
{
    struct host h = any_claims();

    assume(I1_free(&h) && I2_free(&h));

    return h;
}

/* What has to be true after every operation. */

static void prove_add_up(const struct host *h)
{
    prove(frees_add_up(h), "the free pages of the nodes are those of the host");
    prove(domains_add_up(h), "a domain's claims are the sum it keeps of them");
    prove(I1_sum(h), "I1: C is the sum of all claims");
    prove(I2_sum(h), "I2: C[n] is the sum of the claims on node n");
}

static void prove_sums(const struct host *h)
{
    prove_add_up(h);
    prove(I1_free(h), "I1: C <= F");
}

static void prove_nodes(const struct host *h)
{
    prove(I2_free(h), "I2: C[n] <= F[n]");
    prove(I4(h), "I4: no claim on a node that is not online");
    expect(!heap_is_locked && !page_alloc_locked, "all locks are dropped");
}

static void prove_invariants(const struct host *h)
{
    prove_sums(h);
    prove_nodes(h);
}

#include "released.h"
