/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What memory costs: so many extents for a domain, one after the other, and
 * then all of them back.
 */

#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/sched.h>

#include "measure.h"
#include "os.h"

long measure(struct domain *d, unsigned int order, unsigned int node,
             unsigned long extents, unsigned long *ns)
{
    struct page_info **given = os_alloc(extents * sizeof(*given));
    unsigned int memflags = node < MAX_NUMNODES
                            ? MEMF_node(node) | MEMF_exact_node : 0;
    unsigned long i, j, nr, start = os_nanoseconds();

    for ( nr = 0; nr < extents; nr++ )
    {
        given[nr] = alloc_domheap_pages(d, order, memflags);
        if ( !given[nr] )
            break;
    }
    ns[0] = os_nanoseconds() - start;

    /* As the last reference to each page is dropped. */
    for ( i = 0; i < nr; i++ )
        for ( j = 0; j < 1UL << order; j++ )
            given[i][j].count_info &= ~(PGC_allocated | PGC_count_mask);

    start = os_nanoseconds();
    for ( i = 0; i < nr; i++ )
        free_domheap_pages(given[i], order);
    ns[1] = os_nanoseconds() - start;

    os_free(given);

    return nr;
}
