/* SPDX-License-Identifier: GPL-2.0-only */
/* No domain has I/O ports. */
#ifndef HOST_ASM_IOCAP_H
#define HOST_ASM_IOCAP_H

#define cache_flush_permitted(d) false
#define memory_type_changed(d) ((void)(d))

#endif
