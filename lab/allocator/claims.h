/* SPDX-License-Identifier: GPL-2.0-only */
/* The calls that claim, and the one that says where a domain's memory is. */

#ifndef CLAIMS_H
#define CLAIMS_H

#include <xen/sched.h>

#include "host.h"

struct xen_memory_claim;

/* SET and GET, with an array of so many entries. */
long claims_call(domid_t id, unsigned int mode, uint32_t *nr_entries,
                 struct xen_memory_claim *array, unsigned long room);
/* Pages of a domain by node: 64 numbers -> how many of them there are. */
long claims_node_pages(domid_t id, uint64_t *pages);
/* XENMEM_claim_pages */
long claims_legacy(domid_t id, unsigned long pages, unsigned int flags);
/* Behind its checks, with the series or without. */
long claims_set_outstanding(struct domain *d, unsigned long pages,
                            unsigned int node);
/* As if the domain began to die after the first look at it. */
long claims_late(struct domain *d, bool legacy);

#endif
