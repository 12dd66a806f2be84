/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The legacy call, and what domain death does: domain_set_outstanding_pages(), with its rules
 * (section 1.6 of the contract) written once more here.
 *
 * Assumes: any 64-bit number of pages.
 */
#include "host.h"

int main(void)
{
    struct host before = any_host(), after;
    const typeof(before.domain[0]) *was = &before.domain[SUBJECT], *is = &after.domain[SUBJECT];
    unsigned long pages = nondet_ulong(), claim = pages - was->tot;
    int ret = domain_set_outstanding_pages(&domains[SUBJECT], pages), wanted = 0;
    bool no_nodes = true;

    after = look();
    prove_invariants(&after);

    if ( pages )
    {
        if ( domains[SUBJECT].is_dying || was->out || pages <= was->tot || pages > was->max )
            wanted = -EINVAL;
        else if ( claim > before.free - before.claimed )
            wanted = -ENOMEM;
    }
    prove(ret == wanted, "the rules of 1.6 decide");

    for ( unsigned int n = 0; n < MAX_NUMNODES; n++ )
        no_nodes &= !is->node[n];
    if ( ret )
        prove(same_host(&before, &after), "a refused call changes nothing");
    else if ( pages )
        prove(is->out == claim && no_nodes && I3(&after, SUBJECT),
              "the host claim is pages - tot_pages, I3");
    else
        prove(!is->out && no_nodes, "0 pages, or death, releases everything");
    for ( unsigned int i = 0; i < SUBJECT; i++ )
        prove(same_claims(&before, &after, i), "other domains keep their claims");
    prove(!allocated && !freed && is->room == was->room, "no room is allocated or freed");

    reach(!ret && pages, "a claim is installed");
    reach(!ret && !pages && was->out && domains[SUBJECT].is_dying, "death releases claims");
    reach(ret == -EINVAL && domains[SUBJECT].is_dying && !was->out, "EINVAL: dying");
    reach(ret == -EINVAL && !domains[SUBJECT].is_dying && was->out, "EINVAL: claims already");
    reach(ret == -EINVAL && !was->out && pages <= was->tot, "EINVAL: has that many already");
    reach(ret == -EINVAL && !was->out && pages > was->max, "EINVAL: more than max_pages");
    reach(ret == -ENOMEM, "ENOMEM");

    return 0;
}
