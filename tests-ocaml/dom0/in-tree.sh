#!/usr/bin/env bash
# Builds toolstack-in-tree, with the OCaml binding of a built Xen tree in the place of ours.
#   in-tree.sh TREE PROGRAM
set -euo pipefail
libs=$1/tools/ocaml/libs built=$(realpath "${DUNE_BUILD_DIR:-_build}")/default/claims-ml
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cp examples/xapi/over_xenctrl.ml tests-ocaml/dom0/{toolstack,toolstack_in_tree}.ml tests-ocaml/dom0/numa_meminfo.c "$place"
include=(-I +unix -I "$libs/mmap" -I "$libs/eventchn" -I "$libs/xc" -I "$built/.claim_sets.objs/byte" -I "$built/.claim_sets.objs/native" -I "$built")
static=(-ccopt "-L$libs/mmap" -ccopt "-L$libs/eventchn" -ccopt "-L$libs/xc")
mkdir -p "$(dirname "$2")"
(cd "$place" && ocamlfind ocamlopt "${include[@]}" -ccopt "-I$1/tools/include" -ccopt '-Wall -Werror' -c numa_meminfo.c)
(cd "$place" && ocamlfind ocamlopt "${include[@]}" "${static[@]}" unix.cmxa xenmmap.cmxa xeneventchn.cmxa xenctrl.cmxa claim_sets.cmxa \
    numa_meminfo.o over_xenctrl.ml toolstack.ml toolstack_in_tree.ml -o toolstack-in-tree)
cp "$place/toolstack-in-tree" "$2"
