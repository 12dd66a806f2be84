/* SPDX-License-Identifier: GPL-2.0-only */
/* Readers are counted; what they may look at is freed when there are none. */
#ifndef NATIVE_XEN_RCUPDATE_H
#define NATIVE_XEN_RCUPDATE_H

#include_next <xen/rcupdate.h>

void native_read_lock(void);
void native_read_unlock(void);

#define rcu_read_lock(lock)   native_read_lock()
#define rcu_read_unlock(lock) native_read_unlock()

#endif
