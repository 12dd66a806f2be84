/* SPDX-License-Identifier: GPL-2.0-only */
/* Nobody speculates against a test. */
#ifndef HOST_ASM_NOSPEC_H
#define HOST_ASM_NOSPEC_H

#define evaluate_nospec(condition) (condition)
#define block_speculation() ((void)0)
#define arch_block_lock_speculation() ((void)0)
#define arch_lock_evaluate_nospec(condition) (condition)

#endif
