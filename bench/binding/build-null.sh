#!/usr/bin/env bash
# Builds the null hypervisor with cargo, over the same stubs as the library, under names of their own.
set -euo pipefail
cargo build --quiet --release --locked --package xen-claims-bench-null
bash ../../xenctrl-ml/one-object.sh "${CARGO_TARGET_DIR:-../../target}/release/libxen_claims_bench_null.a" xen_claims_bench_null xen_claims_null_
