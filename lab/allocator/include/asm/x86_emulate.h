/* SPDX-License-Identifier: GPL-2.0-only */
/* No instruction is emulated. */
#ifndef HOST_ASM_X86_EMULATE_H
#define HOST_ASM_X86_EMULATE_H

enum x86_segment { x86_seg_none };
struct x86_emulate_ctxt;

#endif
