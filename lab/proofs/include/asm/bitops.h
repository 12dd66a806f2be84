/* SPDX-License-Identifier: GPL-2.0-only */
/* Bit operations in C. Only one CPU runs in a proof, so these need not be atomic. */
#ifndef PROOFS_ASM_BITOPS_H
#define PROOFS_ASM_BITOPS_H

#define test_and_set_bit(nr, addr)    generic__test_and_set_bit(nr, addr)
#define test_and_clear_bit(nr, addr)  generic__test_and_clear_bit(nr, addr)
#define test_and_change_bit(nr, addr) generic__test_and_change_bit(nr, addr)
#define set_bit(nr, addr)             ((void)test_and_set_bit(nr, addr))
#define clear_bit(nr, addr)           ((void)test_and_clear_bit(nr, addr))
#define change_bit(nr, addr)          ((void)test_and_change_bit(nr, addr))
#define __set_bit(nr, addr)           set_bit(nr, addr)
#define __clear_bit(nr, addr)         clear_bit(nr, addr)
#define __change_bit(nr, addr)        change_bit(nr, addr)

#define arch_ffs(x)      ((unsigned int)__builtin_ffs(x))
#define arch_ffsl(x)     ((unsigned int)__builtin_ffsl(x))
#define arch_fls(x)      ((x) ? 32U - __builtin_clz(x) : 0U)
#define arch_flsl(x)     ((x) ? 64U - __builtin_clzl(x) : 0U)
#define arch_hweightl(x) ((unsigned int)__builtin_popcountl(x))

#endif
