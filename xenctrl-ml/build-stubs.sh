#!/usr/bin/env bash
# Builds ocaml-stubs with cargo, once for each library, and puts the results here under the names dune wants.
set -euo pipefail

CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-../target}")
export CARGO_TARGET_DIR

# build NAME PREFIX FEATURES FLAGS
build() {
    local flags
    read -ra flags <<<"${4//[()]/}"
    bash product-cargo.sh .. build --quiet --release --package xenctrl-claims-stubs --no-default-features --features "$3"
    bash one-object.sh "$CARGO_TARGET_DIR/release/libxenctrl_claims_stubs.a" "$1" "$2"
    cc -shared -o "dll$1.so" "$1.o" "${flags[@]}"
}

build xenctrl_claims_stubs xen_claims_ "$(<features)" "$(<link-flags.sexp)"
build xenctrl_claims_testing_stubs xen_claims_testing_ "$(<features-testing)" "$(<link-flags-testing.sexp)"
