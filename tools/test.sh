#!/usr/bin/env bash
# ./dev test: the suites, and a last line `N passed, N failed, N skipped`.
set -euo pipefail
. tools/say.sh
one_per_checkout
say "building the test programs"
exec cargo run --quiet --locked --bin suites -- "$@"
