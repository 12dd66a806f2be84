/* SPDX-License-Identifier: GPL-2.0-only */
/* Readers are counted; what they may look at is freed when there are none. */
#ifndef HOST_XEN_RCUPDATE_H
#define HOST_XEN_RCUPDATE_H

#include_next <xen/rcupdate.h>

void host_read_lock(void);
void host_read_unlock(void);

/* Published and found by one who has no lock: thread sanitizer has to see that. */
#undef rcu_dereference
#undef rcu_assign_pointer
#define rcu_dereference(p)       __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), v, __ATOMIC_RELEASE)

#define rcu_read_lock(lock)   host_read_lock()
#define rcu_read_unlock(lock) host_read_unlock()

#endif
