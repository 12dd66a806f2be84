/* SPDX-License-Identifier: GPL-2.0-only */
/* Who waits lets others run: threads may be more than CPUs. In a host that stopped, nobody waits. */
#ifndef HOST_ASM_SPINLOCK_H
#define HOST_ASM_SPINLOCK_H

void host_relax(void);

#define _raw_read_unlock(l) \
    ((void)__atomic_fetch_sub(&(l)->lock, 1, __ATOMIC_RELEASE))

#define cpu_relax() host_relax()

#define arch_lock_acquire_barrier() barrier()
#define arch_lock_release_barrier() barrier()
#define arch_lock_relax()           host_relax()
#define arch_lock_signal()
#define arch_lock_signal_wmb()      smp_wmb()

#endif
