/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What reserve_offlined_page() does to the counts, which recall.c writes by hand: those of the node,
 * of its zone and of the host are lowered by the pages that went offline.
 *
 * Assumes: one free page or two in a row, of which at least one went offline, which it is called for;
 * nobody scrubs them.
 */
#define PAGES_HEADER "pages.h"
#include "host.h"

static unsigned long zones[NR_ZONES];
static heap_by_zone_and_order_t lists;

void put_back(struct page_info *pg, unsigned int node, unsigned int zone, unsigned int order,
              unsigned int first_dirty) {}

void take_off(struct page_info *pg, struct page_list_head *list) {}

int main(void)
{
    struct host before = any_host(), after;
    unsigned int order = nondet_bool(), offlined = 0;
    int count;

    assume(online(NODE));
    for ( unsigned int i = 0; i < NR_FRAMES; i++ )
    {
        bool gone = nondet_bool() && i < 1U << order;

        frames[i].count_info = gone ? PGC_state_offlined : PGC_state_free;
        offlined += gone;
    }
    assume(offlined);
    PFN_ORDER(&frames[0]) = order;
    frames[0].u.free.first_dirty = INVALID_DIRTY_IDX;
    avail[NODE] = zones;
    zones[flsl(FIRST_FRAME)] = node_avail_pages[NODE];
    assume(node_avail_pages[NODE] >= 1UL << order);

    heap_is_locked = true;
    count = reserve_offlined_page(&frames[0]);
    heap_is_locked = false;
    after = look();

    prove(count == (int)offlined, "as many pages as went offline are counted");
    prove(after.free == before.free - offlined, "the host has as many free pages less");
    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
        prove(after.node_free[n] == before.node_free[n] - (n == NODE ? offlined : 0),
              "the node has as many free pages less, and no other node");
    prove(zones[flsl(FIRST_FRAME)] == after.node_free[NODE], "and so has its zone");
    for ( unsigned int i = 0; i < NR_DOMAINS; i++ )
        prove(same_claims(&before, &after, i), "claims are left to recall_claim()");

    reach(count == 2, "two pages");
    reach(count == 1 && order, "one of two");
    reach(count == 1 && !order, "the only one");

    return 0;
}
