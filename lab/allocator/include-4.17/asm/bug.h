/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <asm/bug.h>
#include <xen/bug.h>
