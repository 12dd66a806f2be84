/* SPDX-License-Identifier: GPL-2.0-only */
/* Exchanges and barriers by the compiler's atomics; interrupts as a flag of the thread. */
#ifndef HOST_ASM_SYSTEM_H
#define HOST_ASM_SYSTEM_H

#include <xen/bitops.h>
#include <xen/bug.h>
#include <asm/cpufeature.h>
#include <asm/x86-defns.h>
#include <xen/errno.h>

#define xchg(ptr, v) __atomic_exchange_n(ptr, v, __ATOMIC_SEQ_CST)

#define cmpxchg(ptr, o, n) \
({ \
    typeof(*(ptr)) seen_ = (o); \
    __atomic_compare_exchange_n(ptr, &seen_, n, false, \
                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
    seen_; \
})

/* Of a pointer, as cmpxchgptr() has it. */
#define __cmpxchg(ptr, o, n, size) \
    ((unsigned long)cmpxchg((unsigned long *)(ptr), o, n))

#define arch_fetch_and_add(ptr, v) __atomic_fetch_add(ptr, v, __ATOMIC_SEQ_CST)

/* x86 keeps this order by itself, and the lock's own accesses have theirs. */
#define smp_rmb() barrier()
#define smp_wmb() barrier()
#define smp_mb()  __sync_synchronize()
#define mb()      smp_mb()
#define rmb()     smp_mb()
#define wmb()     smp_mb()

#define smp_mb__before_atomic() barrier()
#define smp_mb__after_atomic()  barrier()

extern __thread bool host_irqs_off;

#define local_irq_disable()     ((void)(host_irqs_off = true))
#define local_irq_enable()      ((void)(host_irqs_off = false))
#define local_irq_is_enabled()  (!host_irqs_off)
#define local_save_flags(x)     ((void)((x) = host_irqs_off))
#define local_irq_save(x)       ({ local_save_flags(x); local_irq_disable(); })
#define local_irq_restore(x)    ((void)(host_irqs_off = (x)))

#endif
