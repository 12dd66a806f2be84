/* SPDX-License-Identifier: GPL-2.0-only */
/* What is not Xen's in what the allocator finds around it. */

#ifndef SURROUNDINGS_H
#define SURROUNDINGS_H

/*
 * All that a hypercall may touch from now on: what takes its operation, and an
 * array.
 */
void guest_memory(const void *operation, const void *array,
                  unsigned long bytes);

/* Where low memory ends, and the DMA zone if there is one. */
#define HOST_LOW_BITS 33

void xen_heap_fail(bool fail);
/* Allocations from the Xen heap that were not freed. */
unsigned long xen_heap_blocks(void);

#endif
