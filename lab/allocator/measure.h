/* SPDX-License-Identifier: GPL-2.0-only */

#ifndef MEASURE_H
#define MEASURE_H

#include <xen/sched.h>

/* Nanoseconds to give a domain so many extents, and to take them back. */
long measure(struct domain *d, unsigned int order, unsigned int node,
             unsigned long extents, unsigned long *ns);

#endif
