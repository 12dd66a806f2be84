/*
 * The same calls through a stub as one would write it: no check but the
 * allocator's, an array from the heap, the runtime lock released meanwhile.
 */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define CAML_NAME_SPACE
#include <caml/alloc.h>
#include <caml/fail.h>
#include <caml/memory.h>
#include <caml/mlvalues.h>
#include <caml/signals.h>

#include "plain.h"

CAMLprim value plain_set(value xch, value domid, value claims)
{
    CAMLparam3(xch, domid, claims);
    mlsize_t i, nr = Wosize_val(claims);
    uint32_t domain = Int_val(domid);
    struct claim *set = calloc(nr, sizeof(*set));
    int ret;

    if (!set)
        caml_raise_out_of_memory();

    for (i = 0; i < nr; i++) {
        value claim = Field(claims, i);
        int32_t target = Int32_val(Field(claim, 1));

        set[i].pages = Int64_val(Field(claim, 0));
        set[i].target = target == -1 ? CLAIM_HOST : (uint32_t)target;
    }

    caml_enter_blocking_section();
    ret = null_set(domain, nr, set);
    caml_leave_blocking_section();

    free(set);
    if (ret)
        caml_failwith("domain_claim_memory");

    CAMLreturn(Val_unit);
}

CAMLprim value plain_get(value xch, value domid)
{
    CAMLparam2(xch, domid);
    CAMLlocal3(result, claim, field);
    uint32_t i, domain = Int_val(domid), nr = MAX_CLAIMS;
    struct claim *set = calloc(nr, sizeof(*set));
    int ret;

    if (!set)
        caml_raise_out_of_memory();

    caml_enter_blocking_section();
    ret = null_get(domain, &nr, set);
    caml_leave_blocking_section();

    if (ret) {
        free(set);
        caml_failwith("domain_claim_memory_get");
    }

    result = caml_alloc(nr, 0);
    for (i = 0; i < nr; i++) {
        claim = caml_alloc_tuple(2);
        field = caml_copy_int64(set[i].pages);
        Store_field(claim, 0, field);
        field = caml_copy_int32(set[i].target == CLAIM_HOST ? -1 : (int32_t)set[i].target);
        Store_field(claim, 1, field);
        Store_field(result, i, claim);
    }
    free(set);

    CAMLreturn(result);
}
