/* SPDX-License-Identifier: GPL-2.0-only */
/* What is of a domain beside what is common. */
#ifndef HOST_ASM_DOMAIN_H
#define HOST_ASM_DOMAIN_H

#include <xen/init.h>
#include <xen/mm.h>

#include <public/hvm/ioreq.h>

struct arch_domain {
    struct page_list_head relmem_list;
};
struct arch_vcpu { };
struct arch_vcpu_io { };

#define alloc_vcpu_guest_context()     NULL
#define free_vcpu_guest_context(context) ((void)(context))

#endif
