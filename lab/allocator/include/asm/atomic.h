/* SPDX-License-Identifier: GPL-2.0-only */
/* Atomic counts by the compiler's atomics. */
#ifndef HOST_ASM_ATOMIC_H
#define HOST_ASM_ATOMIC_H

#include <xen/atomic.h>
#include <asm/system.h>

#define read_atomic(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define write_atomic(p, x) __atomic_store_n(p, x, __ATOMIC_RELEASE)
/* On its way out, a lock lets the next one in with this. */
#define add_sized(p, x)    ((void)__atomic_fetch_add(p, x, __ATOMIC_RELEASE))

#define host_atomic(op, v, i) __atomic_##op(&(v)->counter, i, __ATOMIC_SEQ_CST)

static inline int atomic_read(const atomic_t *v)
{
    return read_atomic(&v->counter);
}

static inline int _atomic_read(atomic_t v)
{
    return v.counter;
}

static inline void atomic_set(atomic_t *v, int i)
{
    write_atomic(&v->counter, i);
}

static inline void _atomic_set(atomic_t *v, int i)
{
    v->counter = i;
}

static inline int atomic_cmpxchg(atomic_t *v, int old, int new)
{
    return cmpxchg(&v->counter, old, new);
}

static inline void atomic_add(int i, atomic_t *v)
{
    host_atomic(fetch_add, v, i);
}

static inline int atomic_add_return(int i, atomic_t *v)
{
    return host_atomic(add_fetch, v, i);
}

static inline void atomic_sub(int i, atomic_t *v)
{
    host_atomic(fetch_sub, v, i);
}

static inline int atomic_sub_return(int i, atomic_t *v)
{
    return host_atomic(sub_fetch, v, i);
}

static inline int atomic_sub_and_test(int i, atomic_t *v)
{
    return !atomic_sub_return(i, v);
}

static inline void atomic_inc(atomic_t *v)
{
    atomic_add(1, v);
}

static inline int atomic_inc_return(atomic_t *v)
{
    return atomic_add_return(1, v);
}

static inline int atomic_inc_and_test(atomic_t *v)
{
    return !atomic_inc_return(v);
}

static inline void atomic_dec(atomic_t *v)
{
    atomic_sub(1, v);
}

static inline int atomic_dec_return(atomic_t *v)
{
    return atomic_sub_return(1, v);
}

static inline int atomic_dec_and_test(atomic_t *v)
{
    return !atomic_dec_return(v);
}

static inline int atomic_add_negative(int i, atomic_t *v)
{
    return atomic_add_return(i, v) < 0;
}

static inline int atomic_add_unless(atomic_t *v, int a, int u)
{
    int c = atomic_read(v), old;

    while ( c != u && (old = atomic_cmpxchg(v, c, c + a)) != c )
        c = old;

    return c;
}

static inline void atomic_and(int m, atomic_t *v)
{
    host_atomic(fetch_and, v, m);
}

static inline void atomic_or(int m, atomic_t *v)
{
    host_atomic(fetch_or, v, m);
}

#endif
