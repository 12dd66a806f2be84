/* SPDX-License-Identifier: GPL-2.0-only */
/* What Xen 4.17 has in asm/bug.h. */
#ifndef HOST_XEN_BUG_H
#define HOST_XEN_BUG_H

#include <xen/compiler.h>

#define BUGFRAME_run_fn 0
#define BUGFRAME_warn   1
#define BUGFRAME_bug    2
#define BUGFRAME_assert 3

#include <asm/bug.h>

#define WARN() BUG_FRAME(BUGFRAME_warn, __LINE__, __FILE__, 0, NULL)
#define BUG() do {                                         \
    BUG_FRAME(BUGFRAME_bug, __LINE__, __FILE__, 0, NULL);  \
    unreachable();                                         \
} while ( 0 )
#define run_in_exception_handler(fn) BUG()
#define assert_failed(msg) do {                            \
    BUG_FRAME(BUGFRAME_assert, __LINE__, __FILE__, 1, msg); \
    unreachable();                                         \
} while ( 0 )

#endif
