/* SPDX-License-Identifier: GPL-2.0-only */
/* Xen's configuration for the proofs: a debug build for x86 with at most 3 nodes. */
#define CONFIG_X86 1
#define CONFIG_X86_64 1
#define CONFIG_64BIT 1
#define CONFIG_CC_IS_GCC 1
#define CONFIG_CC_HAS_VISIBILITY_ATTRIBUTE 1
#define CONFIG_HAS_VMAP 1
#define CONFIG_DEBUG 1
#define CONFIG_DEBUG_LOCKS 1
#define CONFIG_NUMA 1
#define CONFIG_NR_NUMA_NODES 3
#define CONFIG_NR_CPUS 4
#define CONFIG_HAS_PASSTHROUGH 1
#define CONFIG_PV 1
