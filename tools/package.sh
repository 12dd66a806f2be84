#!/usr/bin/env bash
# What a distributor does: builds the two packages alone, installs the OCaml one, and builds a program with it elsewhere.
set -euo pipefail
. tools/say.sh

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/source" "$place/elsewhere"
git ls-files -z | tar --null --files-from=- --create | tar --extract --directory "$place/source"
cp -r tests-ocaml/elsewhere/. "$place/elsewhere"
cd "$place/source"
export CARGO_TARGET_DIR=$place/target

step "$place/log" "dune build -p xenctrl-claims" dune build -p xenctrl-claims @install
step "$place/log" "dune install" dune install --prefix "$place/prefix" xenctrl-claims
step "$place/log" "cargo package --package xen-claims" cargo package --locked --package xen-claims

cd "$place/elsewhere"
export OCAMLPATH=$place/prefix/lib PATH=$place/prefix/bin:$PATH
step "$place/log" "a project elsewhere" dune build ./held.exe
diff <(printf 'node 1: 524288 pages\nnode 3: 262144 pages\n') <(_build/default/held.exe)
[[ -s $place/prefix/man/man1/xen-claims.1 ]] || die "no manual page was installed"
xen-claims nodes --host 2x1 --json >/dev/null
