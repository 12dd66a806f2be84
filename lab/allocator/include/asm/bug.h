/* SPDX-License-Identifier: GPL-2.0-only */
/* What stops Xen stops the call: host_bug() says where, and does not return. */
#ifndef HOST_ASM_BUG_H
#define HOST_ASM_BUG_H

#define BUG_FRAME_STRUCT
#define BUG_FRAME(type, line, ptr, second_frame, msg) \
    host_bug(type, (const char *)(ptr), line, msg)

void host_bug(int type, const char *file, int line, const char *msg);

#endif
