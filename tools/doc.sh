#!/usr/bin/env bash
# ./dev doc: the references of the OCaml and the Rust interface, in doc/.
set -euo pipefail
. tools/say.sh
one_per_checkout
say "making the references"
dune build @doc
cargo doc --quiet --locked --workspace --no-deps
rm -rf doc
mkdir doc
cp -R --no-preserve=mode _build/default/_doc/_html doc/ocaml
cp -R target/doc doc/rust
say "doc/ocaml/xenctrl-claims/index.html and doc/rust/xen_claims/index.html"
