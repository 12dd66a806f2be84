/* SPDX-License-Identifier: GPL-2.0-only */
/* As the newer ones, all of it: here no part of this is in xen/bitops.h. */
#ifndef HOST_ASM_BITOPS_4_17_H
#define HOST_ASM_BITOPS_4_17_H

typedef unsigned int bitop_uint_t;
#define BITOP_WORD(nr) ((unsigned int)(nr) / 32)
#define BITOP_MASK(nr) (1U << ((nr) % 32))

#include_next <asm/bitops.h>

#undef __set_bit
#undef __clear_bit
#undef __change_bit

static inline int __test_and_set_bit(int nr, void *addr)
{
    bitop_uint_t *word = (bitop_uint_t *)addr + BITOP_WORD(nr), old = *word;

    *word = old | BITOP_MASK(nr);
    return !!(old & BITOP_MASK(nr));
}

static inline int __test_and_clear_bit(int nr, void *addr)
{
    bitop_uint_t *word = (bitop_uint_t *)addr + BITOP_WORD(nr), old = *word;

    *word = old & ~BITOP_MASK(nr);
    return !!(old & BITOP_MASK(nr));
}

#define __set_bit(nr, addr)   ((void)__test_and_set_bit(nr, addr))
#define __clear_bit(nr, addr) ((void)__test_and_clear_bit(nr, addr))
#define test_bit(nr, addr) \
    (!!(*((const volatile bitop_uint_t *)(addr) + BITOP_WORD(nr)) & \
        BITOP_MASK(nr)))

#define ffs(x)        ((int)arch_ffs(x))
#define ffsl(x)       ((int)arch_ffsl(x))
#define fls(x)        ((int)arch_fls(x))
#define flsl(x)       ((int)arch_flsl(x))
#define hweight64(x)  arch_hweightl(x)
#define hweight32(x)  ((unsigned int)__builtin_popcount(x))
#define find_first_set_bit(x) ((unsigned int)__builtin_ctzl(x))

/* The first bit from @off on that is set when @flip is 0, or clear when it is ~0. */
static inline unsigned int host_find(const unsigned long *addr,
                                     unsigned int size, unsigned int off,
                                     unsigned long flip)
{
    while ( off < size )
    {
        unsigned long word = (addr[off / 64] ^ flip) >> (off % 64);

        if ( word )
        {
            off += __builtin_ctzl(word);
            break;
        }
        off += 64 - off % 64;
    }

    return off < size ? off : size;
}

#define find_next_bit(addr, size, off)      host_find(addr, size, off, 0UL)
#define find_next_zero_bit(addr, size, off) host_find(addr, size, off, ~0UL)
#define find_first_bit(addr, size)          find_next_bit(addr, size, 0)
#define find_first_zero_bit(addr, size)     find_next_zero_bit(addr, size, 0)

#endif
