/* What count.so counts, where that is preloaded. */

#define CAML_NAME_SPACE
#include <caml/mlvalues.h>

unsigned long heap_allocations;

CAMLprim value bench_heap_allocations(value unit)
{
    return Val_long(heap_allocations);
}
