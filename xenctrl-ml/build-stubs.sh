#!/usr/bin/env bash
# Builds ocaml-stubs with cargo, `testing` included as the OCaml library is one, and puts both libraries
# here, under the names dune wants.
set -euo pipefail
cargo build --quiet --release --locked --package xenctrl-claims-stubs --features "testing $(<features)"
built=${CARGO_TARGET_DIR:-../target}/release
cp "$built/libxenctrl_claims_stubs.a" .
cp "$built/libxenctrl_claims_stubs.so" dllxenctrl_claims_stubs.so
