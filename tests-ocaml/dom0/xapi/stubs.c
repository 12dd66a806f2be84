/* SPDX-License-Identifier: LGPL-2.1-only WITH OCaml-LGPL-linking-exception */
/*
 * The calls that xen-api's stubs make of libxenctrl and of Xen's own OCaml
 * binding, by the names, types and arguments that they have there. What these
 * stubs can't be compiled with, xen-api's can't either.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <caml/alloc.h>
#include <caml/custom.h>
#include <caml/fail.h>
#include <caml/memory.h>
#include <caml/mlvalues.h>
#include <caml/signals.h>
#include <caml/unixsupport.h>

#include <xenctrl.h>
#include <xenguest.h>

/* xen-api leaves its calls out where these are not defined, and claims nothing. */
#if !defined(XEN_SYSCTL_numa_meminfo) || !defined(XEN_DOMCTL_NUMA_OP_GET_NODE_PAGES)
#error "The headers do not have what xen-api looks for"
#endif

/* Of Xen's own binding. */
extern value stub_xc_domain_numa_get_node_pages(value xch, value domid);

/*
 * Of Xen's own binding, too: a custom block that holds it. In Xen 4.17 it is the pointer itself, for OCaml 5
 * with its lowest bit set.
 */
static xc_interface *handle(value v)
{
    if (Is_long(v))
        return (xc_interface *)(v - 1);

    return *(xc_interface **)Data_custom_val(v);
}

CAMLprim value names_claim_pages_node(value xch_val, value domid, value node,
                                      value nr_pages)
{
    CAMLparam4(xch_val, domid, node, nr_pages);
    xc_interface *xch = handle(xch_val);
    uint32_t c_domid = Int_val(domid);
    unsigned int numa_node = Int_val(node);
    unsigned long c_nr_pages = Long_val(nr_pages);
    int ret, error;

    caml_enter_blocking_section();
    ret = xc_domain_claim_pages_node(xch, c_domid, numa_node, c_nr_pages);
    error = errno;
    caml_leave_blocking_section();

    if ( ret < 0 )
        unix_error(error, "claim_pages_node", Nothing);

    CAMLreturn(Val_unit);
}

CAMLprim value names_numa_meminfo(value xch_val)
{
    CAMLparam1(xch_val);
    CAMLlocal2(result, info);
    xc_interface *xch = handle(xch_val);
    unsigned int i, max_nodes = 0;
    xen_sysctl_node_meminfo_t *meminfo;
    int error;

    if ( xc_numa_meminfo(xch, &max_nodes, NULL) < 0 )
        unix_error(errno, "numa_meminfo", Nothing);

    meminfo = calloc(max_nodes, sizeof(*meminfo));
    if ( !meminfo )
        caml_raise_out_of_memory();

    if ( xc_numa_meminfo(xch, &max_nodes, meminfo) < 0 )
    {
        error = errno;
        free(meminfo);
        unix_error(error, "numa_meminfo", Nothing);
    }

    result = caml_alloc_tuple(max_nodes);
    for ( i = 0; i < max_nodes; i++ )
    {
        info = caml_alloc_tuple(3);
        Store_field(info, 0, caml_copy_int64(meminfo[i].size));
        Store_field(info, 1, caml_copy_int64(meminfo[i].free));
        Store_field(info, 2, caml_copy_int64(meminfo[i].claimed));
        Store_field(result, i, info);
    }
    free(meminfo);

    CAMLreturn(result);
}

CAMLprim value names_numa_get_node_pages(value xch_val, value domid)
{
    CAMLparam2(xch_val, domid);

    CAMLreturn(stub_xc_domain_numa_get_node_pages(xch_val, domid));
}

/* The call below it, which has an array and a number to go wrong. */
CAMLprim value names_too_few_nodes(value xch_val, value domid)
{
    CAMLparam2(xch_val, domid);
    uint32_t nr_nodes = 0, none = 0;
    uint64_t pages = 7;
    xc_interface *xch = handle(xch_val);

    if ( xc_domain_numa_get_node_pages(xch, Int_val(domid), &nr_nodes, NULL) < 0 )
        unix_error(errno, "numa_get_node_pages", Nothing);

    if ( xc_domain_numa_get_node_pages(xch, Int_val(domid), &none, &pages) == 0 ||
         errno != ERANGE || none != nr_nodes || pages != 7 )
        caml_failwith("no room for any node: not ERANGE, or something was written");

    CAMLreturn(Val_int(nr_nodes));
}
