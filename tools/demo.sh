#!/usr/bin/env bash
# ./dev demo: an OCaml toolstack that claims memory for the VMs it builds, on this machine's topology and on a large one.
set -euo pipefail
. tools/say.sh
one_per_checkout
say "building the example builder"
dune build ./examples/builder/builder.exe
say "built in $SECONDS s"
for host in this epyc-nps4; do
    say "builder --host $host examples/builder/vms.json"
    dune exec --no-build -- ./examples/builder/builder.exe --host "$host" examples/builder/vms.json
done
