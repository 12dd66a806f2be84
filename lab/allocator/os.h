/* SPDX-License-Identifier: GPL-2.0-only */
/* What this process has, for those who see Xen's headers only. */

#ifndef OS_H
#define OS_H

void *os_reserve(unsigned long bytes);
void os_clear(void *start, unsigned long bytes);
void os_expect_use(void *start, unsigned long bytes);
void *os_alloc(unsigned long bytes);
void os_free(void *p);
void os_free_all(void);
void os_snapshot(void);
void os_restore(void);
void os_yield(void);
unsigned long os_nanoseconds(void);
unsigned long os_log(char *to, unsigned long size);
__attribute__((__noreturn__, __format__(printf, 1, 2))) void os_stop(const char *fmt, ...);
_Bool os_stopped(void);
/* Whether it came to its end, and was not stopped. */
_Bool os_run(void (*work)(void *), void *with);

#endif
