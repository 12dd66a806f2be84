/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What alloc_heap_pages() does to the counts, which redeem.c writes by hand: claims are redeemed for
 * as many pages, of that node, once, and before the counts of free pages are lowered by as many.
 *
 * Assumes: 1 or 2 pages that are clean, as many as were asked for, and in no TLB; more of them are
 * counted by the same statements. What finds them is for turn.c and the tests.
 */
#define PAGES_HEADER "pages.h"
#include "host.h"

static unsigned long zones[NR_ZONES];
static unsigned int redeemed;
static struct host at_redeeming;
static struct domain *redeemed_by;
static unsigned int redeemed_on;
static unsigned long redeemed_pages;
static bool found;

static struct page_info *give(unsigned int order)
{
    expect(heap_is_locked && !found, "pages are looked for with heap_lock held");
    found = nondet_bool();
    if ( !found )
        return NULL;

    for ( unsigned int i = 0; i < NR_FRAMES; i++ )
        frames[i].count_info = PGC_state_free;
    PFN_ORDER(&frames[0]) = order;
    frames[0].u.free.first_dirty = INVALID_DIRTY_IDX;

    return &frames[0];
}

struct page_info *give_claimed(unsigned int zone_lo, unsigned int zone_hi, unsigned int order,
                               unsigned int memflags, const struct domain *d)
{
    return give(order);
}

struct page_info *give_free(unsigned int zone_lo, unsigned int zone_hi, unsigned int order,
                            unsigned int memflags, const struct domain *d)
{
    return found ? NULL : give(order);
}

void note_redeeming(struct domain *d, unsigned int node, unsigned long request)
{
    expect(heap_is_locked, "claims are redeemed with heap_lock held");
    redeemed++;
    at_redeeming = look();
    redeemed_by = d;
    redeemed_on = node;
    redeemed_pages = request;
}

void nobody_is_told(void) {}

int main(void)
{
    unsigned int order = nondet_bool(), memflags = nondet_uint() | MEMF_no_tlbflush;
    struct domain *d = nondet_bool() ? &domains[SUBJECT] : NULL;
    struct host before = any_host(), after;
    unsigned long request = 1UL << order, in_zones = 0;
    struct page_info *pg;
    bool of_domain = d && !(memflags & MEMF_no_refcount);

    assume(online(NODE));
    for ( unsigned int node = 0; node < MAX_NUMNODES; node++ )
        avail[node] = zones;
    /* As heap.c of the tests checks of every zone and node. */
    zones[flsl(FIRST_FRAME)] = node_avail_pages[NODE];
    assume(node_avail_pages[NODE] >= request);
    domains[SUBJECT].node_pages[NODE] = nondet_uint() & 0x7fffffff;

    pg = alloc_heap_pages(0, NR_ZONES - 1, order, memflags, d);
    after = look();
    in_zones = zones[flsl(FIRST_FRAME)];

    prove(!!pg == found, "pages that are found are given");
    prove(redeemed == (pg && of_domain && before.domain[SUBJECT].out),
          "claims of who has some are redeemed once, and of no others");
    prove(!redeemed || (redeemed_by == d && redeemed_on == NODE && redeemed_pages == request),
          "they are redeemed for as many pages, of the node they are on");
    prove(!redeemed || same_counts(&before, &at_redeeming),
          "they are redeemed before the counts are lowered");
    prove(after.free == before.free - (pg ? request : 0), "the host has as many free pages less");
    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
        prove(after.node_free[n] == before.node_free[n] - (pg && n == NODE ? request : 0),
              "the node has as many free pages less, and no other node");
    prove(in_zones == after.node_free[NODE], "and so has its zone");
    expect(!heap_is_locked, "all locks are dropped");

    reach(redeemed && order, "two pages for a domain with claims");
    reach(pg && of_domain && !redeemed, "pages for a domain without");
    reach(pg && d && !of_domain, "pages of Xen's for a domain");
    reach(pg && !d, "pages for nobody");
    reach(!pg, "no pages");

    return 0;
}
