#!/usr/bin/env bash
# ./dev demo: a boot storm on a server of 8 nodes, in an embedded hypervisor: built as it is done today,
# and then with claims. With --xen, the same scaled down, on a patched Xen, booted in QEMU with 4 nodes.
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
# Whoever only wants the demo may have no way to Xen.
cc -x c -o /dev/null - -lxencall <<<"int main(void) { return 0; }" 2>/dev/null || export XEN_CLAIMS_WITHOUT_XEN=1
say "building the example builder"
dune build ./examples/builder/builder.exe
say "built in $SECONDS s"
# Not in _build: that is elsewhere for who is in a build root.
report=(--report storm-report)
command -v gnuplot >/dev/null || { say "no report with pictures: there is no gnuplot" && report=(); }
say "builder storm $storm"
exec dune exec --no-build -- ./examples/builder/builder.exe storm "${report[@]}" "$storm"
