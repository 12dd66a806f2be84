/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What page_alloc.c, domctl.c and spinlock.c call elsewhere in Xen, for a
 * host whose CPUs are threads, and which has memory and nothing else.
 */

#include <xen/domain.h>
#include <xen/event.h>
#include <xen/keyhandler.h>
#include <xen/kernel.h>
#include <xen/lib.h>
#include <xen/llc-coloring.h>
#include <xen/mm.h>
#include <xen/notifier.h>
#include <xen/numa.h>
#include <xen/pdx.h>
#include <xen/sched.h>
#include <xen/smp.h>
#include <xen/softirq.h>
#include <xen/time.h>
#include <asm/flushtlb.h>
#include <asm/guest_access.h>
#include <asm/p2m.h>

#include "os.h"
#include "surroundings.h"

/* CPUs. */

__thread unsigned int host_cpu;
__thread bool host_irqs_off;
struct vcpu host_caller;

cpumask_t cpu_online_map;
unsigned int nr_cpu_ids = NR_CPUS;
irq_cpustat_t irq_stat[NR_CPUS];
nodeid_t cpu_to_node[NR_CPUS];
cpumask_t node_to_cpumask[MAX_NUMNODES];
DEFINE_PER_CPU(unsigned int, __preempt_count);
DEFINE_PER_CPU(unsigned int, rcu_lock_cnt);
DEFINE_PER_CPU(cpumask_var_t, cpu_sibling_mask);
DEFINE_PER_CPU(uint32_t, tlbflush_time);
enum system_state system_state;

void host_relax(void)
{
    if ( os_stopped() )
        os_stop("-");
    os_yield();
}

void on_selected_cpus(const cpumask_t *selected, void (*func)(void *data),
                      void *data, int wait)
{
    func(data);
}

void process_pending_softirqs(void)
{
}

void register_cpu_notifier(struct notifier_block *nb)
{
}

void register_keyhandler(unsigned char key, keyhandler_fn_t *fn,
                         const char *desc, bool diagnostic)
{
}

s_time_t get_s_time(void)
{
    return 0;
}

void send_global_virq(uint32_t virq)
{
}

/* What stops Xen. */

void host_bug(int type, const char *file, int line, const char *msg)
{
    static const char *const kinds[] = {
        [BUGFRAME_run_fn] = "run_in_exception_handler",
        [BUGFRAME_bug] = "BUG",
        [BUGFRAME_assert] = "Assertion failed",
    };

    if ( type != BUGFRAME_warn )
        os_stop("%s at %s:%d%s%s", kinds[type], file, line, msg ? ": " : "",
                msg ?: "");
}

void panic(const char *fmt, ...)
{
    os_stop("panic: %s", fmt);
}

void __domain_crash(struct domain *d)
{
    os_stop("domain_crash(d%u)", d->domain_id);
}

/* Functions of Xen's that are called from there and are not here end here. */
void noreturn host_missing(const char *name)
{
    os_stop("%s() is not a part of this host", name);
}

int printk_ratelimit(void)
{
    return 1;
}

/* Memory. */

unsigned long host_frame_table, host_directmap, xen_phys_start;
unsigned long max_pdx;
#ifdef HOST_XEN_4_17
unsigned long max_page, total_pages;
/* No address bits are left out of frame numbers. */
unsigned long pfn_pdx_bottom_mask = ~0UL, ma_va_bottom_mask = ~0UL;
unsigned long pfn_top_mask, ma_top_mask, pfn_hole_mask;
unsigned int pfn_pdx_hole_shift;
#endif
struct node_data node_data[MAX_NUMNODES];
nodemask_t node_online_map;
typeof(memnode_shift) memnode_shift;
unsigned long memnodemapsize;
nodeid_t *memnodemap;
uint8_t paddr_bits = PADDR_BITS;
bool tlb_clk_enabled;
uint32_t tlbflush_clock;
struct domain *dom_xen, *dom_io;

static bool fail_heap;
static unsigned long heap_blocks;

void xen_heap_fail(bool fail)
{
    ACCESS_ONCE(fail_heap) = fail;
}

unsigned long xen_heap_blocks(void)
{
    return __atomic_load_n(&heap_blocks, __ATOMIC_RELAXED);
}

void *_xzalloc(unsigned long size, unsigned long align)
{
    if ( ACCESS_ONCE(fail_heap) )
    {
        ACCESS_ONCE(fail_heap) = false;
        return NULL;
    }

    __atomic_fetch_add(&heap_blocks, 1, __ATOMIC_RELAXED);

    return os_alloc(size);
}

void *_xmalloc(unsigned long size, unsigned long align)
{
    void *p = _xzalloc(size, align);

    /* What was not initialised shall be seen. */
    return p ? memset(p, 0xa5, size) : NULL;
}

void xfree(void *p)
{
    if ( p )
        __atomic_fetch_sub(&heap_blocks, 1, __ATOMIC_RELAXED);
    os_free(p);
}

bool __mfn_valid(unsigned long mfn)
{
    return mfn < max_page;
}

int page_is_ram_type(unsigned long mfn, unsigned long mem_type)
{
    return mem_type == RAM_TYPE_CONVENTIONAL;
}

u8 __node_distance(nodeid_t a, nodeid_t b)
{
    return a == b ? 10 : 20;
}

const struct platform_bad_page *get_platform_badpages(unsigned int *array_size)
{
    *array_size = 0;
    return NULL;
}

unsigned int arch_get_dma_bitsize(void)
{
    return 32;
}

unsigned int domain_clamp_alloc_bitsize(struct domain *d, unsigned int bits)
{
    return bits;
}

void flush_area_mask(const cpumask_t *mask, const void *va, unsigned int flags)
{
}

/* No guest has a map of its memory. */
void set_gpfn_from_mfn(unsigned long mfn, unsigned long pfn)
{
}

/* References to pages, counted in count_info as on x86. */

struct domain *page_get_owner_and_reference(struct page_info *page)
{
    unsigned long seen, count_info = ACCESS_ONCE(page->count_info);

    do {
        seen = count_info;
        if ( !(seen & PGC_count_mask) )
            return NULL;
        count_info = cmpxchg(&page->count_info, seen, seen + 1);
    } while ( count_info != seen );

    return page_get_owner(page);
}

bool get_page(struct page_info *page, const struct domain *d)
{
    const struct domain *owner = page_get_owner_and_reference(page);

    if ( owner == d )
        return true;

    if ( owner )
        put_page(page);

    return false;
}

void put_page(struct page_info *page)
{
    unsigned long before = arch_fetch_and_add(&page->count_info, -1UL);

    ASSERT(before & PGC_count_mask);
    if ( (before & PGC_count_mask) == 1 )
        free_domheap_pages(page, 0);
}

unsigned long hypercall_create_continuation(unsigned int op,
                                            const char *format, ...)
{
    return -ERESTART;
}

/* A guest's memory: what the call said it may touch. */

static __thread const void *guest_operation;
static __thread const char *guest_start, *guest_end;

void guest_memory(const void *operation, const void *array,
                  unsigned long bytes)
{
    guest_operation = operation;
    guest_start = array;
    guest_end = array + bytes;
}

unsigned int host_copy(void *to, const void *from, const void *guest,
                         unsigned int len)
{
    const char *p = guest;

    /* The operation itself is on the caller's stack. */
    if ( p != guest_operation && (p < guest_start || p + len > guest_end) )
        return len;

    memcpy(to, from, len);
    return 0;
}
