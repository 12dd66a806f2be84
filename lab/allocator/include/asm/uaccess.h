/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest's memory is this process's. A page that is not there is told by host_copy(). */
#ifndef HOST_ASM_UACCESS_H
#define HOST_ASM_UACCESS_H

#endif
