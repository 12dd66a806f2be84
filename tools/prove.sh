#!/usr/bin/env bash
# ./dev prove: what the series does with claims, proved by CBMC, through the program prove.
set -euo pipefail
. tools/say.sh
one_per_checkout
tools/xen.sh prepare
say "building the program that proves"
cargo build --quiet --locked --bin prove
. tools/root.sh
export XEN_CLAIMS_CACHE=${XEN_CLAIMS_CACHE:-$cache}
exec target/debug/prove "$@"
