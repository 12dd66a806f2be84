/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Xen's page_alloc.c, unmodified, and what it calls in other files: one CPU, locks that are checked
 * to be taken in order, a heap that may be full.
 *
 * Assertions are named: `prove:` is a property, which CBMC is asked for by itself; `expect:` is what
 * the environment relies on, and `stops:` (include/asm/bug.h) what would stop Xen: neither may fail
 * anywhere. `reach:` has to fail, which shows that a proof gets there.
 */
#include <xen/sched.h>
#include <xen/mm.h>
#include <xen/numa.h>
#include <xen/xvmalloc.h>
#include <public/domctl.h>

#ifdef REACH
#define prove(condition, what) ((void)0)
#define expect(condition, what) ((void)0)
#define reach(condition, what) __CPROVER_assert(!(condition), "reach: " what)
#else
#define prove(condition, what) __CPROVER_assert(condition, "prove: " what)
#define expect(condition, what) __CPROVER_assert(condition, "expect: " what)
#define reach(condition, what) ((void)0)
#endif
#define assume(condition) __CPROVER_assume(condition)

unsigned int nondet_uint(void);
unsigned long nondet_ulong(void);
bool nondet_bool(void);

/* The same, without letting 0 wrap: on purpose, that is no node. */
#undef MEMF_get_node
#define MEMF_get_node(f) \
    (((f) >> _MEMF_node) & MEMF_node_mask ? (((f) >> _MEMF_node) & MEMF_node_mask) - 1 : NUMA_NO_NODE)

#ifdef PAGES_HEADER
#include PAGES_HEADER
#endif
#include PAGE_ALLOC

#include "unchecked.h"

/* What other files define. */

nodemask_t node_online_map;
struct domain *domain_list;
rcu_read_lock_t domlist_read_lock;
unsigned int this_processor;
DEFINE_PER_CPU(unsigned int, rcu_lock_cnt);
DEFINE_PER_CPU(unsigned int, __preempt_count);

void printk(const char *fmt, ...) {}
int printk_ratelimit(void) { return nondet_bool(); }

/* Bitmaps are no longer than a word. */

unsigned long find_next_bit(const unsigned long *addr, unsigned long size,
                            unsigned long offset)
{
    unsigned long bits = offset < size ? *addr >> offset : 0;

    for ( unsigned int bit = 0; bit < MAX_NUMNODES; bit++ )
        if ( (bits >> bit) & 1 )
            return bit + offset < size ? bit + offset : size;

    return size;
}

unsigned long find_first_bit(const unsigned long *addr, unsigned long size)
{
    return find_next_bit(addr, size, 0);
}

void __bitmap_and(unsigned long *dst, const unsigned long *a, const unsigned long *b,
                  unsigned int bits)
{
    *dst = *a & *b;
}

void __bitmap_andnot(unsigned long *dst, const unsigned long *a, const unsigned long *b,
                     unsigned int bits)
{
    *dst = *a & ~*b;
}

/* Locks: one CPU, so taking one that is held is a deadlock. */

static bool heap_is_locked;
static const rspinlock_t *page_alloc_locked;

void _spin_lock(spinlock_t *lock)
{
    expect(lock == &heap_lock && !heap_is_locked,
          "heap_lock is not taken twice");
    heap_is_locked = true;
}

void _spin_unlock(spinlock_t *lock)
{
    expect(lock == &heap_lock && heap_is_locked,
          "only a lock that is held is dropped");
    heap_is_locked = false;
}

bool _spin_is_locked(const spinlock_t *lock)
{
    return lock == &heap_lock && heap_is_locked;
}

void _nrspin_lock(rspinlock_t *lock)
{
    expect(!heap_is_locked && !page_alloc_locked,
          "page_alloc_lock is taken before heap_lock, once");
    page_alloc_locked = lock;
}

void _nrspin_unlock(rspinlock_t *lock)
{
    expect(page_alloc_locked == lock, "only a lock that is held is dropped");
    page_alloc_locked = NULL;
}

bool _rspin_is_locked(const rspinlock_t *lock)
{
    return page_alloc_locked == lock;
}

/* Room for claims on nodes, exactly as large as asked for. */

static struct domain_node_claims *allocated;
static bool heap_failed;
static const void *freed;

static struct domain_node_claims *room_for(unsigned int nr_nodes)
{
    struct domain_node_claims *room = NULL;

    /* Objects of a constant size each are what CBMC is good at. */
    if ( nr_nodes == 1 )
        room = __CPROVER_allocate(sizeof(*room) + sizeof(int) * 1, true);
    else if ( nr_nodes == 2 )
        room = __CPROVER_allocate(sizeof(*room) + sizeof(int) * 2, true);
    else if ( nr_nodes == 3 )
        room = __CPROVER_allocate(sizeof(*room) + sizeof(int) * 3, true);

    return room;
}

void *_xvzalloc(size_t size, unsigned int align)
{
    unsigned int nr_nodes = (size - sizeof(struct domain_node_claims)) / sizeof(int);

    expect(!heap_is_locked && !page_alloc_locked,
          "nothing is allocated with a lock held");
    expect(!allocated && !heap_failed, "at most one allocation");
#if defined(ROOM) && ROOM == MAX_NUMNODES
    expect(false, "nothing is allocated where there is room");
    assume(false);
#endif
    heap_failed = nondet_bool();
    if ( heap_failed )
        return NULL;

    expect(size == sizeof(struct domain_node_claims) + nr_nodes * sizeof(int) &&
           nr_nodes >= 1 && nr_nodes <= MAX_NUMNODES,
           "room is allocated for one node up to all of them, and no more");
    allocated = room_for(nr_nodes);

    return allocated;
}

void xvfree(void *va)
{
    expect(!heap_is_locked && !page_alloc_locked,
          "nothing is freed with a lock held");
    expect(!va || !freed, "at most one is freed");
    if ( va )
        freed = va;
}
