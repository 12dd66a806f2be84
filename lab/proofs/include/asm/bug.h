/* SPDX-License-Identifier: GPL-2.0-only */
/* What would stop Xen is an assertion to be proved, named after what stopped it. */
#ifndef PROOFS_ASM_BUG_H
#define PROOFS_ASM_BUG_H

#define BUG_FRAME_STRUCT
#define BUG() do { \
    __CPROVER_assert(0, "stops: BUG()"); \
    __CPROVER_assume(0); \
} while ( 0 )
#define assert_failed(msg) do { \
    __CPROVER_assert(0, "stops: ASSERT(" msg ")"); \
    __CPROVER_assume(0); \
} while ( 0 )
#define WARN() __CPROVER_assert(0, "stops: WARN()")
#define run_in_exception_handler(fn) WARN()

#endif
