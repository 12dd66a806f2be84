/* SPDX-License-Identifier: GPL-2.0-only */
/* Locks which their owner may take again are no type of their own. */
#ifndef HOST_ASM_SPINLOCK_4_17
#define HOST_ASM_SPINLOCK_4_17

#include_next <asm/spinlock.h>

#define rspin_lock(l)      spin_lock_recursive(l)
#define rspin_unlock(l)    spin_unlock_recursive(l)
#define rspin_lock_init(l) spin_lock_init(l)
#define nrspin_lock(l)     spin_lock(l)
#define nrspin_unlock(l)   spin_unlock(l)

#endif
