/* What a toolstack has of its own beside the tree's binding: the memory of each node. */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <xenctrl.h>

#include <caml/alloc.h>
#include <caml/custom.h>
#include <caml/fail.h>
#include <caml/memory.h>
#include <caml/mlvalues.h>

/*
 * As in the binding: a custom block that holds it. In Xen 4.17 it is the pointer itself, for OCaml 5 with its
 * lowest bit set.
 */
#define xch_of_val(v) \
    (Is_long(v) ? (xc_interface *)((v) - 1) : *(xc_interface **)Data_custom_val(v))

#define MAX_NODES 64

CAMLprim value test_numa_meminfo(value handle)
{
    CAMLparam1(handle);
    CAMLlocal3(list, cell, node);
    xc_numa_meminfo_t info[MAX_NODES];
    unsigned int nr = MAX_NODES;

    if (xc_numa_meminfo(xch_of_val(handle), &nr, info))
        caml_failwith(strerror(errno));

    list = Val_emptylist;
    for (unsigned int i = nr; i-- > 0;) {
        if (info[i].size == ~(uint64_t)0)
            continue;
        node = caml_alloc_tuple(4);
        Store_field(node, 0, Val_int(i));
        Store_field(node, 1, caml_copy_int64(info[i].size >> 12));
        Store_field(node, 2, caml_copy_int64(info[i].free >> 12));
        Store_field(node, 3, caml_copy_int64(info[i].claimed >> 12));
        cell = caml_alloc(2, Tag_cons);
        Store_field(cell, 0, node);
        Store_field(cell, 1, list);
        list = cell;
    }
    CAMLreturn(list);
}
