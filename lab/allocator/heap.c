/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The allocator, and those who look into it: the boot of a host, its counts,
 * and the invariants which these have to keep.
 */

#ifdef HOST_HELD_LOCK
#include <xen/spinlock.h>
#include "os.h"

/* How often the heap lock was taken, and for how many nanoseconds in all. */
static unsigned long held_times, held_total, held_since;

/* By who has the lock: these need no protection of their own. */
#define spin_lock(l) \
    ((spin_lock)(l), (l) == &heap_lock ? (void)(held_since = os_nanoseconds()) \
                                       : (void)0)
#undef spin_unlock
#define spin_unlock(l) \
    ((l) == &heap_lock \
     ? (void)(held_total += os_nanoseconds() - held_since, held_times++) \
     : (void)0, _spin_unlock(l))
#endif

#include HOST_PAGE_ALLOC

#include "domains.h"
#include "heap.h"
#include "meminfo.h"
#include "os.h"
#include "surroundings.h"

void heap_held(unsigned long *ns)
{
#ifdef HOST_HELD_LOCK
    ns[0] = held_times;
    ns[1] = held_total;
    held_times = held_total = 0;
#endif
}

unsigned long host_metadata_pages(void)
{
    /* As init_node_heap() has it. */
    return DIV_ROUND_UP(sizeof(**_heap) + sizeof(**avail) * NR_ZONES,
                        PAGE_SIZE);
}

/* Boot. */

static unsigned int nr_booted;
static struct host_range booted[2 * MAX_NUMNODES];
static bool contents;
static unsigned long blocks_at_boot;
void (*heap_on_scrub)(void);

/* Without contents, all pages have the same ones. */
static __thread char scratch[PAGE_SIZE] __aligned(PAGE_SIZE);

void *map_domain_page(mfn_t mfn)
{
    void (*call)(void) = heap_on_scrub;

    if ( call )
    {
        heap_on_scrub = NULL;
        call();
    }

    return contents ? mfn_to_virt(mfn_x(mfn)) : scratch;
}

void unmap_domain_page(const void *va)
{
}

void clear_page_sse2(void *page)
{
    memset(page, 0, PAGE_SIZE);
}

/* What a release build scrubs with. */
void clear_domain_page(mfn_t mfn)
{
    void *page = map_domain_page(mfn);

    if ( contents )
        clear_page_sse2(page);
    unmap_domain_page(page);
}

/* Room for all hosts: 64 nodes, each at a multiple of the largest block. */
#define ROOM_PAGES (1UL << 27)

void host_load(void)
{
    host_frame_table = (unsigned long)os_reserve(ROOM_PAGES *
                                                   sizeof(struct page_info));
    host_directmap = (unsigned long)os_reserve(ROOM_PAGES << PAGE_SHIFT);
    memnodemap = os_reserve(ROOM_PAGES >> 10);
    os_snapshot();
}

static void forget(const struct host_range *r)
{
    os_clear(mfn_to_page(_mfn(r->start)), r->pages * sizeof(struct page_info));
    os_clear(mfn_to_virt(r->start),
             (contents ? r->pages
                       : min(r->pages, host_metadata_pages())) << PAGE_SHIFT);
    if ( !contents && r->pages > host_metadata_pages() )
        os_clear(mfn_to_virt(r->start + r->pages - host_metadata_pages()),
                 host_metadata_pages() << PAGE_SHIFT);
    os_clear(&memnodemap[r->start >> 10], (r->pages >> 10) + 1);
}

int heap_boot(const struct host_range *ranges, unsigned int nr,
              unsigned int flags)
{
    unsigned int i, first = NUMA_NO_NODE;

    for ( i = 0; i < nr_booted; i++ )
        forget(&booted[i]);
    os_free_all();
    os_restore();

    if ( nr > ARRAY_SIZE(booted) )
        return -EINVAL;

    memcpy(booted, ranges, nr * sizeof(*ranges));
    nr_booted = nr;
    contents = flags & HOST_BOOT_CONTENTS;
    opt_bootscrub = flags & HOST_BOOT_DIRTY ? BOOTSCRUB_IDLE : BOOTSCRUB_OFF;
    memnode_shift = 10;

    for ( i = 0; i < nr; i++ )
    {
        const struct host_range *r = &ranges[i];
        unsigned long end = r->start + r->pages, chunk;
        struct node_data *data = &node_data[r->node];

        if ( end > ROOM_PAGES || r->start < HOST_FIRST_MFN )
            return -EINVAL;

        __node_set(r->node, &node_online_map);
        if ( !r->pages )
            continue;

        if ( first == NUMA_NO_NODE )
            first = r->node;
        if ( !data->node_spanned_pages )
            data->node_start_pfn = r->start;
        data->node_spanned_pages = end - data->node_start_pfn;
        data->node_present_pages += r->pages;
        total_pages += r->pages;
        os_expect_use(mfn_to_page(_mfn(r->start)),
                      r->pages * sizeof(struct page_info));
        max_page = max(max_page, end);
        for ( chunk = r->start >> 10; chunk << 10 < end; chunk++ )
            memnodemap[chunk] = r->node;
    }

    memnodemapsize = (max_page >> 10) + 1;
    for ( i = 0; i < NR_CPUS; i++ )
    {
        cpu_to_node[i] = first == NUMA_NO_NODE ? ranges[0].node : first;
        __cpumask_set_cpu(i, &cpu_online_map);
    }
    cpumask_copy(&node_to_cpumask[cpu_to_node[0]], &cpu_online_map);

#ifdef CONFIG_SCRUB_DEBUG
    scrub_debug = contents;
#endif
    system_state = SYS_STATE_boot;
    for ( i = 0; i < nr; i++ )
        init_boot_pages(ranges[i].start << PAGE_SHIFT,
                        (ranges[i].start + ranges[i].pages) << PAGE_SHIFT);
    end_boot_allocator();
    heap_init_late();
    dma_bitsize = flags & HOST_BOOT_DMA ? HOST_LOW_BITS : 0;
    system_state = SYS_STATE_active;

    /* What the allocator keeps of the memory for itself is not free to use. */
    for_each_online_node ( i )
        node_data[i].node_present_pages = avail_node_heap_pages(i);
    blocks_at_boot = xen_heap_blocks();

    return 0;
}

#ifdef HOST_CLAIM_SETS
/* Nobody else is in Xen now. */
static unsigned long node_claim(const struct domain *d, unsigned int node)
{
    return node < nr_claim_nodes(d) ? d->node_claims->pages[node] : 0;
}
#endif

/* Counts. */

void heap_counts(struct host_counts *counts)
{
    uint64_t free, claimed;
#ifndef HOST_CLAIM_SETS
    unsigned int node;
#endif

    get_outstanding_claims(&free, &claimed);
    counts->free = free;
    counts->claimed = claimed;
#ifdef HOST_CLAIM_SETS
    meminfo_counts(counts);
#else
    counts->nodes = node_online_map.bits[0];
    for_each_online_node ( node )
    {
        counts->node[node].size = node_present_pages(node);
        counts->node[node].free = avail_node_heap_pages(node);
        counts->node[node].claimed = 0;
    }
#endif
}

/*
 * The best block an allocation finds on a node: 4 if it is clean and above the
 * DMA zone, 3 if it is to be scrubbed first; 2 and 1, likewise, if there are
 * none but in the DMA zone. Single pages are taken as they come. @low: for an
 * allocation that HOST_LOW is for.
 */
int heap_has_block(unsigned int node, unsigned int wanted, bool low)
{
    unsigned int dma_zone = dma_bitsize ? bits_to_zone(dma_bitsize) : 0;
    unsigned int zone_hi = low ? bits_to_zone(HOST_LOW_BITS) : NR_ZONES - 1;
    unsigned int zone, order;
    int found = 0;

    if ( !avail[node] )
        return 0;

    spin_lock(&heap_lock);
    for ( zone = 1; zone <= zone_hi; zone++ )
        for ( order = wanted; avail[node][zone] && order <= MAX_ORDER; order++ )
        {
            const struct page_info *pg = page_list_first(&heap(node, zone, order));
            int dirty = wanted && pg &&
                        pg->u.free.first_dirty != INVALID_DIRTY_IDX;

            if ( pg )
                found = max(found, (zone > dma_zone ? 4 : 2) - dirty);
        }
    spin_unlock(&heap_lock);

    return found;
}

/* One of the free pages of a node: of which block, and which page in it. */
bool heap_free_page(unsigned int node, unsigned long which, mfn_t *mfn)
{
    const struct page_info *found = NULL;
    unsigned int zone, order, blocks = 0, pass;

    if ( !avail[node] )
        return false;

    spin_lock(&heap_lock);
    for ( pass = 0; pass < 2 && !found; pass++ )
    {
        unsigned int wanted = blocks ? which % blocks : 0;

        for ( zone = 1; zone < NR_ZONES && !found; zone++ )
            for ( order = 0; order <= MAX_ORDER && !found; order++ )
            {
                struct page_info *pg;

                if ( !avail[node][zone] )
                    break;
                page_list_for_each ( pg, &heap(node, zone, order) )
                    if ( !pass )
                        blocks++;
                    else if ( !wanted-- )
                    {
                        found = pg + ((which >> 16) & ((1UL << order) - 1));
                        break;
                    }
            }
    }
    if ( found )
        *mfn = page_to_mfn(found);
    spin_unlock(&heap_lock);

    return found;
}

unsigned int heap_offlined(unsigned int node, mfn_t *mfns, unsigned int room)
{
    const struct page_info *pg;
    unsigned int nr = 0;

    spin_lock(&heap_lock);
    page_list_for_each ( pg, &page_offlined_list )
        if ( page_to_nid(pg) == node && nr < room )
            mfns[nr++] = page_to_mfn(pg);
    spin_unlock(&heap_lock);

    return nr;
}

/*
 * Xen takes what comes back into use for clean, even if it was not when it went.
 * That is so without the series, too.
 */
void heap_scrub(mfn_t mfn)
{
    if ( contents )
        scrub_one_page(mfn_to_page(mfn));
}

/* What must hold whenever nobody is in a call. */

static char *complaints;
static unsigned long complaints_left;

static void __attribute__((format(printf, 1, 2))) complain(const char *fmt, ...)
{
    va_list args;
    int length;

    va_start(args, fmt);
    length = vsnprintf(complaints, complaints_left, fmt, args);
    va_end(args);
    if ( length < 0 || length >= complaints_left )
        length = complaints_left ? complaints_left - 1 : 0;
    complaints += length;
    complaints_left -= length;
}

/* Each free page is in one block of its node, zone and order, and counted. */
static void check_blocks(unsigned int node)
{
    unsigned int zone, order;
    unsigned long dirty = 0, free = 0;

    for ( zone = 0; zone < NR_ZONES; zone++ )
    {
        unsigned long in_zone = 0;

        for ( order = 0; order <= MAX_ORDER; order++ )
        {
            const struct page_info *pg;
            bool dirty_seen = false;

            if ( !avail[node][zone] && page_list_empty(&heap(node, zone, order)) )
                continue;

            page_list_for_each ( pg, &heap(node, zone, order) )
            {
                unsigned long i, mfn = mfn_x(page_to_mfn(pg));
                bool is_dirty = pg->u.free.first_dirty != INVALID_DIRTY_IDX;

                in_zone += 1UL << order;
                if ( PFN_ORDER(pg) != order || mfn & ((1UL << order) - 1) ||
                     page_to_nid(pg) != node || page_to_zone(pg) != zone )
                    complain("block %#lx is in a wrong list\n", mfn);
                if ( dirty_seen && !is_dirty )
                    complain("block %#lx is clean behind dirty ones\n", mfn);
                dirty_seen = is_dirty;

                for ( i = 0; i < 1UL << order; i++ )
                {
                    if ( !page_state_is(&pg[i], free) )
                        complain("page %#lx in a free block has %#lx\n",
                                 mfn + i, pg[i].count_info);
                    if ( !(pg[i].count_info & PGC_need_scrub) )
                        continue;
                    dirty++;
                    if ( i < pg->u.free.first_dirty )
                        complain("page %#lx is dirty before first_dirty\n",
                                 mfn + i);
                }
            }
        }
        if ( in_zone != avail[node][zone] )
            complain("node %u zone %u: %lu pages free, %lu counted\n",
                     node, zone, in_zone, avail[node][zone]);
        free += avail[node][zone];
    }

    /* Xen keeps counting dirty pages that went offline. */
    if ( dirty > node_need_scrub[node] )
        complain("node %u: %lu pages dirty, %lu counted\n",
                 node, dirty, node_need_scrub[node]);
    if ( free != avail_node_heap_pages(node) )
        complain("node %u: %lu pages free, %lu counted\n",
                 node, free, avail_node_heap_pages(node));
}

static void check_domain(const struct domain *d)
{
    unsigned long pages = 0;
    const struct page_info *pg;
#ifdef HOST_CLAIM_SETS
    unsigned int node, on_node[MAX_NUMNODES] = {};

    page_list_for_each ( pg, &d->page_list )
        on_node[page_to_nid(pg)]++;
    for ( node = 0; node < MAX_NUMNODES; node++ )
        if ( on_node[node] != d->node_pages[node] )
            complain("d%u: %u pages on node %u, %u counted\n", d->domain_id,
                     on_node[node], node, d->node_pages[node]);
#endif

    page_list_for_each ( pg, &d->page_list )
        pages++;
    page_list_for_each ( pg, &d->extra_page_list )
        pages++;
    if ( pages != d->tot_pages )
        complain("d%u: %lu pages, %u counted\n", d->domain_id, pages, d->tot_pages);
    if ( d->is_dying && d->outstanding_pages )
        complain("d%u: claims %u though it is dying\n",
                 d->domain_id, d->outstanding_pages);
}

unsigned long heap_check(char *to, unsigned long size, bool pages)
{
    const struct domain *d;
    unsigned long claimed = 0, free = 0;
    unsigned int node, rooms;

    complaints = to;
    complaints_left = size;

    if ( spin_is_locked(&heap_lock) )
        complain("the heap lock is held\n");

    for_each_domain ( d )
    {
        if ( pages )
            check_domain(d);
        claimed += d->outstanding_pages;
    }

    for_each_online_node ( node )
    {
        if ( avail[node] && pages )
            check_blocks(node);
        free += avail_node_heap_pages(node);
    }

    /* The Xen heap has room for claims on nodes in it, and nothing else. */
    rooms = domains_with_room();
    if ( xen_heap_blocks() != blocks_at_boot + rooms )
        complain("%lu allocations from the Xen heap, for %u domains\n",
                 xen_heap_blocks() - blocks_at_boot, rooms);

    if ( free != total_avail_pages )
        complain("%lu pages free, %ld counted\n", free, total_avail_pages);

    /* docs/contract.md, 1.7. I3 is the caller's to check: it knows who lowered max_pages. */
    if ( claimed != outstanding_claims )
        complain("I1: %lu pages claimed, %ld counted\n", claimed, outstanding_claims);
    if ( outstanding_claims > total_avail_pages )
        complain("I1: %ld pages claimed, %ld free\n",
                 outstanding_claims, total_avail_pages);

#ifdef HOST_CLAIM_SETS
    for ( node = 0; node < MAX_NUMNODES; node++ )
    {
        claimed = 0;
        for_each_domain ( d )
            claimed += node_claim(d, node);
        if ( claimed != node_claimed_pages[node] )
            complain("I2: %lu pages claimed on node %u, %lu counted\n",
                     claimed, node, node_claimed_pages[node]);
        if ( node_claimed_pages[node] > node_avail_pages[node] )
            complain("I2: %lu pages claimed on node %u, %lu free\n",
                     node_claimed_pages[node], node, node_avail_pages[node]);
        if ( claimed && !node_online(node) )
            complain("I4: %lu pages claimed on node %u\n", claimed, node);
    }

    for_each_domain ( d )
    {
        claimed = 0;
        for_each_online_node ( node )
        {
            bool listed = d->node_claims &&
                          nodemask_test(node, &d->node_claims->nodes);

            claimed += node_claim(d, node);
            if ( listed != !!node_claim(d, node) )
                complain("d%u claims %lu on node %u, and lists it: %d\n",
                         d->domain_id, node_claim(d, node), node, listed);
        }
        if ( claimed > d->outstanding_pages )
            complain("d%u claims %lu on nodes, %u in all\n", d->domain_id,
                     claimed, d->outstanding_pages);
    }
#endif

    return complaints - to;
}
