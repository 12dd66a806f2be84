/* SPDX-License-Identifier: GPL-2.0-only */
/* Nothing is speculated about. */
#ifndef PROOFS_ASM_NOSPEC_H
#define PROOFS_ASM_NOSPEC_H

#define evaluate_nospec(condition) (condition)
#define block_speculation() ((void)0)
#define arch_block_lock_speculation() ((void)0)
#define arch_lock_evaluate_nospec(condition) (condition)

#endif
