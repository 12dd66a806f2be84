/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host needs of the process it is in. This file sees the C library's
 * headers and none of Xen's.
 */

#define _GNU_SOURCE
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "host.h"
#include "os.h"

/* Memory. */

void *os_reserve(unsigned long bytes)
{
    uintptr_t wish;

    /* Valgrind finds no room for that much unless it is told where. */
    for ( wish = 0; wish < 1UL << 44; wish += 1UL << 40 )
    {
        void *p = mmap((void *)wish, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if ( p != MAP_FAILED )
            return p;
    }

    perror("native: no room for a host");
    abort();
}

void os_clear(void *start, unsigned long bytes)
{
    uintptr_t from = (uintptr_t)start, to = from + bytes;
    uintptr_t whole_from = (from + 4095) & ~4095UL, whole_to = to & ~4095UL;

    /* New pages cost more than zeroes do, unless they are many. */
    if ( bytes < (1UL << 20) || whole_from >= whole_to )
    {
        memset(start, 0, bytes);
        return;
    }

    memset(start, 0, whole_from - from);
    madvise((void *)whole_from, whole_to - whole_from, MADV_DONTNEED);
    memset((void *)whole_to, 0, to - whole_to);
}

void os_expect_use(void *start, unsigned long bytes)
{
    uintptr_t from = (uintptr_t)start & ~4095UL;

    /* One fault for 2 MiB, not 512. */
    if ( bytes >= (4UL << 20) )
        madvise((void *)from, (uintptr_t)start + bytes - from, MADV_HUGEPAGE);
}

/* Everything a host allocated, so that the next one does not inherit it. */
struct allocation {
    struct allocation *next, **to_this;
} __attribute__((aligned(16)));
static struct allocation *allocations;
static pthread_mutex_t allocations_lock = PTHREAD_MUTEX_INITIALIZER;

void *os_alloc(unsigned long bytes)
{
    struct allocation *a = calloc(1, sizeof(*a) + bytes);

    if ( !a )
        abort();

    pthread_mutex_lock(&allocations_lock);
    a->next = allocations;
    a->to_this = &allocations;
    if ( a->next )
        a->next->to_this = &a->next;
    allocations = a;
    pthread_mutex_unlock(&allocations_lock);

    return a + 1;
}

void os_free(void *p)
{
    struct allocation *a = (struct allocation *)p - 1;

    if ( !p )
        return;

    pthread_mutex_lock(&allocations_lock);
    *a->to_this = a->next;
    if ( a->next )
        a->next->to_this = a->to_this;
    pthread_mutex_unlock(&allocations_lock);

    free(a);
}

void os_free_all(void)
{
    while ( allocations )
        os_free(allocations + 1);
}

/*
 * The data segment of this object as it was when loaded. Xen's static
 * variables are what they are at boot when it is copied back.
 */
static char *data, *data_then;
static size_t data_size;

static int find_data(struct dl_phdr_info *info, size_t size, void *unused)
{
    uintptr_t here = (uintptr_t)&data, start = 0, end = 0, relro = 0;
    int i;

    for ( i = 0; i < info->dlpi_phnum; i++ )
    {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + ph->p_vaddr, to = from + ph->p_memsz;

        if ( ph->p_type == PT_GNU_RELRO )
            relro = (to + 4095) & ~4095UL;
        if ( ph->p_type == PT_LOAD && here >= from && here < to )
        {
            start = from;
            end = to;
        }
    }

    if ( !end )
        return 0;

    data = (char *)(relro > start ? relro : start);
    data_size = end - (uintptr_t)data;

    return 1;
}

/* Not memcpy(): the sanitizers keep that out of the gaps between variables. */
__attribute__((optimize("no-tree-loop-distribute-patterns")))
static void copy(char *to, const char *from, size_t size)
{
    size_t i, words = size / sizeof(long);

    for ( i = 0; i < words; i++ )
        ((long *)to)[i] = ((const long *)from)[i];
    for ( i = words * sizeof(long); i < size; i++ )
        to[i] = from[i];
}

void os_snapshot(void)
{
    dl_iterate_phdr(find_data, NULL);
    data_then = malloc(data_size);
    if ( !data || !data_then )
        abort();
    copy(data_then, data, data_size);
}

void os_restore(void)
{
    copy(data, data_then, data_size);
}

void os_yield(void)
{
    sched_yield();
}

unsigned long os_nanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);

    return now.tv_sec * 1000000000UL + now.tv_nsec;
}

/* Stopping. */

static char why_stopped[512];
static int stopped;
static __thread jmp_buf *way_out;

bool os_stopped(void)
{
    return __atomic_load_n(&stopped, __ATOMIC_ACQUIRE);
}

const char *host_why_stopped(void)
{
    return os_stopped() ? why_stopped : NULL;
}

void os_stop(const char *fmt, ...)
{
    static int first;

    if ( !__atomic_exchange_n(&first, 1, __ATOMIC_ACQ_REL) )
    {
        va_list args;

        va_start(args, fmt);
        vsnprintf(why_stopped, sizeof(why_stopped), fmt, args);
        va_end(args);
        __atomic_store_n(&stopped, 1, __ATOMIC_RELEASE);
    }

    if ( !way_out )
        abort();
    longjmp(*way_out, 1);
}

bool os_run(void (*work)(void *), void *with)
{
    jmp_buf here, *before = way_out;
    volatile bool ended = false;

    way_out = &here;
    if ( !_setjmp(here) )
    {
        work(with);
        ended = true;
    }
    way_out = before;

    return ended;
}

/* The log: lines about recalled claims, until somebody reads them. */

static char lines[1 << 16];
static size_t lines_length;
static pthread_mutex_t lines_lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((visibility("hidden"))) void printk(const char *fmt, ...)
{
    char line[256];
    va_list args;
    size_t length;

    /* A level, a complaint, or Xen's own extensions to formats: not of use. */
    if ( !strstr(fmt, "recalled") )
        return;

    va_start(args, fmt);
    length = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);

    pthread_mutex_lock(&lines_lock);
    if ( length < sizeof(line) && lines_length + length <= sizeof(lines) )
    {
        memcpy(lines + lines_length, line, length);
        lines_length += length;
    }
    pthread_mutex_unlock(&lines_lock);
}

unsigned long os_log(char *to, unsigned long size)
{
    unsigned long length;

    pthread_mutex_lock(&lines_lock);
    length = lines_length < size ? lines_length : size;
    memcpy(to, lines, length);
    memmove(lines, lines + length, lines_length - length);
    lines_length -= length;
    pthread_mutex_unlock(&lines_lock);

    return length;
}
