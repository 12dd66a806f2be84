#!/usr/bin/env bash
# Builds ocaml-stubs with cargo, `testing` included as the OCaml library is one, and puts both libraries
# here, under the names dune wants.
set -euo pipefail
CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-../target}")
export CARGO_TARGET_DIR
bash product-cargo.sh .. build --quiet --release --package xenctrl-claims-stubs --features "testing $(<features)"
cp "$CARGO_TARGET_DIR/release/libxenctrl_claims_stubs.a" .
cp "$CARGO_TARGET_DIR/release/libxenctrl_claims_stubs.so" dllxenctrl_claims_stubs.so
