/* SPDX-License-Identifier: GPL-2.0-only */
/* The frame table and the direct map are wherever this host has room for them. */
#ifndef HOST_ASM_CONFIG_H
#define HOST_ASM_CONFIG_H

#include_next <asm/config.h>

#undef FRAMETABLE_VIRT_START
#undef DIRECTMAP_VIRT_START
#define FRAMETABLE_VIRT_START host_frame_table
#define DIRECTMAP_VIRT_START  host_directmap
extern unsigned long host_frame_table, host_directmap;

#endif
