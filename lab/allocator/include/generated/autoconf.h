/* SPDX-License-Identifier: GPL-2.0-only */
/* Xen's configuration, as small as page_alloc.c, domctl.c and spinlock.c allow. */
#define CONFIG_X86 1
#define CONFIG_X86_64 1
#define CONFIG_64BIT 1
#define CONFIG_CC_IS_GCC 1
#define CONFIG_HAS_FAST_MULTIPLY 1
#define CONFIG_NUMA 1
#define CONFIG_HAS_PDX 1 /* a choice of later ones, not made here */
#define CONFIG_NR_NUMA_NODES 64
#define CONFIG_NR_CPUS 64
#define CONFIG_PV 1
#define CONFIG_ARCH_MAP_DOMAIN_PAGE 1
#ifndef HOST_RELEASE
#define CONFIG_DEBUG 1
#define CONFIG_DEBUG_LOCKS 1
#define CONFIG_SCRUB_DEBUG 1
#endif
