/* SPDX-License-Identifier: GPL-2.0-only */
/* In place of the generated header: the CPU has no features that could have a name. */
#define FEATURESET_NR_ENTRIES 19
#define CPUID_BITFIELD_0 uint32_t unnamed_0
#define CPUID_BITFIELD_1 uint32_t unnamed_1
#define CPUID_BITFIELD_2 uint32_t unnamed_2
#define CPUID_BITFIELD_3 uint32_t unnamed_3
#define CPUID_BITFIELD_4 uint32_t unnamed_4
#define CPUID_BITFIELD_5 uint32_t unnamed_5
#define CPUID_BITFIELD_6 uint32_t unnamed_6
#define CPUID_BITFIELD_7 uint32_t unnamed_7
#define CPUID_BITFIELD_8 uint32_t unnamed_8
#define CPUID_BITFIELD_9 uint32_t unnamed_9
#define CPUID_BITFIELD_10 uint32_t unnamed_10
#define CPUID_BITFIELD_11 uint32_t unnamed_11
#define CPUID_BITFIELD_12 uint32_t unnamed_12
#define CPUID_BITFIELD_13 uint32_t unnamed_13
#define CPUID_BITFIELD_14 uint32_t unnamed_14
#define CPUID_BITFIELD_15 uint32_t unnamed_15
#define CPUID_BITFIELD_16 uint32_t unnamed_16
#define CPUID_BITFIELD_17 uint32_t unnamed_17
#define CPUID_BITFIELD_18 uint32_t unnamed_18
