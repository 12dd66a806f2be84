/* SPDX-License-Identifier: GPL-2.0-only */
/* Bit operations by the compiler's atomics, which thread sanitizer knows. */
#ifndef HOST_ASM_BITOPS_H
#define HOST_ASM_BITOPS_H

#define host_word(nr, addr) ((volatile bitop_uint_t *)(addr) + BITOP_WORD(nr))

#define set_bit(nr, addr) ((void)test_and_set_bit(nr, addr))
#define clear_bit(nr, addr) ((void)test_and_clear_bit(nr, addr))
#define change_bit(nr, addr) ((void)test_and_change_bit(nr, addr))
#define __set_bit(nr, addr) ((void)generic__test_and_set_bit(nr, addr))
#define __clear_bit(nr, addr) ((void)generic__test_and_clear_bit(nr, addr))
#define __change_bit(nr, addr) ((void)generic__test_and_change_bit(nr, addr))

#define test_and_set_bit(nr, addr) \
    (!!(__atomic_fetch_or(host_word(nr, addr), BITOP_MASK(nr), \
                          __ATOMIC_SEQ_CST) & BITOP_MASK(nr)))
#define test_and_clear_bit(nr, addr) \
    (!!(__atomic_fetch_and(host_word(nr, addr), ~BITOP_MASK(nr), \
                           __ATOMIC_SEQ_CST) & BITOP_MASK(nr)))
#define test_and_change_bit(nr, addr) \
    (!!(__atomic_fetch_xor(host_word(nr, addr), BITOP_MASK(nr), \
                           __ATOMIC_SEQ_CST) & BITOP_MASK(nr)))

#define arch_ffs(x) ((unsigned int)__builtin_ffs(x))
#define arch_ffsl(x) ((unsigned int)__builtin_ffsl(x))
#define arch_fls(x) ((x) ? 32U - __builtin_clz(x) : 0U)
#define arch_flsl(x) ((x) ? 64U - __builtin_clzl(x) : 0U)
#define arch_hweightl(x) ((unsigned int)__builtin_popcountl(x))

#endif
