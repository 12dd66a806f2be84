#!/usr/bin/env bash
# ./dev demo: a boot storm on a server of 8 nodes, in an embedded hypervisor: built as it is done today,
# and then with claims. With --xen, the same scaled down, on a patched Xen, booted in QEMU with 4 nodes.
# With --xl, guests that xl starts there: with the tools as they were, and then with those of the series.
set -euo pipefail
. tools/say.sh
storm=examples/builder/scenarios/boot-storm.json
if [[ ${1-} == --xen ]]; then
    say "builder storm --xen --verbose ${storm##*/}, in Dom0"
    # In Dom0 everything is a terminal.
    quiet=()
    [[ -t 2 ]] || quiet=(env TERM=dumb)
    exec tools/xen.sh boot --nodes 4 -- "${quiet[@]}" builder storm --xen --verbose "/${storm##*/}"
fi
one_per_checkout
if [[ ${1-} == --xl ]]; then
    # Before it is needed below, and as it will be in Dom0.
    dune build ./examples/builder/builder.exe
    storm=examples/builder/scenarios/xl-storm.json
    say "builder xl ${storm##*/}, in Dom0: some minutes"
    tools/xen.sh boot --nodes 4 --xl-before --timeout 3000 -- env TERM=dumb builder xl --relay "/${storm##*/}" |
        dune exec --no-build -- ./examples/builder/builder.exe page --report xl-report
    exit
fi
needs_no_xen
say "building the example builder"
dune build ./examples/builder/builder.exe
say "built in $SECONDS s"
# Not in _build: that is elsewhere for who is in a build root.
report=(--report storm-report)
command -v gnuplot >/dev/null || { say "no report with pictures: there is no gnuplot" && report=(); }
say "builder storm $storm"
exec dune exec --no-build -- ./examples/builder/builder.exe storm "${report[@]}" "$storm"
