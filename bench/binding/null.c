#include "plain.h"

int null_set(uint32_t domain, uint32_t nr, const struct claim *set)
{
    return 0;
}

int null_get(uint32_t domain, uint32_t *nr, struct claim *set)
{
    uint32_t i;

    if (domain > *nr)
        return -1;

    for (i = 0; i < domain; i++) {
        set[i].pages = 512;
        set[i].target = i ? i - 1 : CLAIM_HOST;
    }
    *nr = domain;

    return 0;
}
