/* SPDX-License-Identifier: GPL-2.0-only */
/* The counts of nodes, as a toolstack gets them: by XEN_SYSCTL_numa_meminfo. */

#ifndef MEMINFO_H
#define MEMINFO_H

#include "host.h"

void meminfo_counts(struct host_counts *counts);

#endif
