#!/usr/bin/env bash
# What a distributor does: builds the two packages alone, installs the OCaml one, and builds a program with it elsewhere.
set -euo pipefail
. tools/say.sh

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/source" "$place/elsewhere"
# Without what tests it: neither package needs that.
git ls-files -z | tar --null --exclude=lab --exclude='tests-*' --exclude=bench --files-from=- --create | tar --extract --directory "$place/source"
cp -r tests-ocaml/elsewhere/. "$place/elsewhere"
cd "$place/source"
export CARGO_TARGET_DIR=$place/target

step "$place/log" "dune build xenctrl-claims.opam" dune build ./xenctrl-claims.opam
# Without 35 and 36, homepage and bug-reports: the project has no address of its own.
OPAMROOT=$place/opam OPAMROOTISOK=1 step "$place/log" "opam lint" opam lint --strict --warnings=-35-36 xenctrl-claims.opam
step "$place/log" "dune build -p xenctrl-claims" dune build -p xenctrl-claims @install
step "$place/log" "dune install" dune install --prefix "$place/prefix" xenctrl-claims
step "$place/log" "cargo package --package xen-claims" bash xenctrl-ml/product-cargo.sh . package --package xen-claims

cd "$place/elsewhere"
export OCAMLPATH=$place/prefix/lib PATH=$place/prefix/bin:$PATH
step "$place/log" "a project elsewhere" dune build ./held.exe
held=$'node 1: 524288 pages\nnode 3: 262144 pages'
[[ $(_build/default/held.exe) == "$held" ]] || die "the project elsewhere prints something else"
# As docs/distributors.md says it; OCAMLPATH is for dune and findlib alone.
step "$place/log" "the same with ocamlopt alone" env -u OCAMLPATH ocamlopt -I +unix -I +threads \
    -I "$place/prefix/lib/xenctrl-claims" unix.cmxa threads.cmxa xenctrl_claims.cmxa held.ml -o held
[[ $(./held) == "$held" ]] || die "the program built with ocamlopt alone prints something else"
if ldd held | grep claims; then die "that program needs a shared library of ours"; fi

for page in "" -list -nodes -plan -release -set -show -watch; do
    [[ -s $place/prefix/man/man1/xen-claims$page.1 ]] || die "xen-claims$page(1) was not installed"
done
xen-claims nodes --host 2x1 --json >/dev/null
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$place/source/Cargo.toml")
[[ $(xen-claims --version) == "$version" ]] || die "the command and the crate have different versions"
