#!/usr/bin/env bash
# ./dev demo: an OCaml toolstack that claims memory for the VMs it builds, on this machine's topology and
# on a large one. With --xen, on a patched Xen, booted in QEMU with 4 nodes.
set -euo pipefail
. tools/say.sh
if [[ ${1-} == --xen ]]; then
    say "builder --host xen examples/builder/small.json, in Dom0"
    exec tools/xen.sh boot --nodes 4 -- builder --host xen /small.json
fi
one_per_checkout
say "building the example builder"
dune build ./examples/builder/builder.exe
say "built in $SECONDS s"
for host in this epyc-nps4; do
    say "builder --host $host examples/builder/vms.json"
    dune exec --no-build -- ./examples/builder/builder.exe --host "$host" examples/builder/vms.json
done
