/* SPDX-License-Identifier: GPL-2.0-only */
/* The counts of nodes, as a toolstack gets them: by XEN_SYSCTL_numa_meminfo. */

#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/numa.h>
#include <public/sysctl.h>

#include "meminfo.h"
#include "os.h"
#include "surroundings.h"

#ifdef HOST_CLAIM_SETS

typedef typeof(*((struct xen_sysctl *)0)->u.numa_meminfo.meminfo.p) info_t;

/* How many there are, or how many of them are in the array now. */
static unsigned int ask(info_t *array, unsigned int room)
{
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_numa_meminfo,
        .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
        .u.numa_meminfo.meminfo.p = array,
        .u.numa_meminfo.num_nodes = room,
    };
    long ret;

    guest_memory(&op, array, room * sizeof(*array));
    while ( (ret = do_sysctl(guest_handle_from_ptr(&op, xen_sysctl_t))) ==
            -ERESTART )
        host_relax();
    guest_memory(NULL, NULL, 0);
    BUG_ON(ret);

    return op.u.numa_meminfo.num_nodes;
}

void meminfo_counts(struct host_counts *counts)
{
    info_t info[MAX_NUMNODES] = {};
    unsigned int node, nr = ask(NULL, 0);

    BUG_ON(nr > ARRAY_SIZE(info));
    nr = ask(info, nr);
    counts->nodes = 0;
    for ( node = 0; node < nr; node++ )
    {
        if ( !~info[node].size )
            continue;
        counts->nodes |= 1UL << node;
        counts->node[node].size = info[node].size >> PAGE_SHIFT;
        counts->node[node].free = info[node].free >> PAGE_SHIFT;
        counts->node[node].claimed = info[node].claimed >> PAGE_SHIFT;
    }
}

#endif
