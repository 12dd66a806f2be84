/* SPDX-License-Identifier: GPL-2.0-only */
/* Domains, and what they were given. */

#ifndef DOMAINS_H
#define DOMAINS_H

#include <xen/sched.h>

#include "host.h"

/* What a domain was given, oldest first. */
struct extent {
    unsigned long mfn;
    unsigned int order;
};

/* Beside the common part. In one page, which the owner of a page is found by. */
struct host_domain {
    struct domain d;
    struct rcu_head rcu;
    struct extent *extents;
    unsigned long nr_extents, room;
    spinlock_t extents_lock;
};

#define to_host_domain(dom) container_of(dom, struct host_domain, d)

void domains_boot(void);
long domains_create(void);
long domain_set_affinity(struct domain *d, unsigned long nodes);
void domains_counts(struct host_counts *counts);
/* How many domains have room for claims on nodes. Nobody may be in a call. */
unsigned int domains_with_room(void);

#endif
