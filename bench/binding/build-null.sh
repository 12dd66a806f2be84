#!/usr/bin/env bash
# Builds the null hypervisor with cargo, over the same stubs as the library.
set -euo pipefail
features=$(<../../xenctrl-ml/features)
cargo build --quiet --release --locked --package xen-claims-bench-null ${features:+--features "xenctrl-claims-stubs/$features"}
cp "${CARGO_TARGET_DIR:-../../target}/release/libxen_claims_bench_null.a" .
