#!/usr/bin/env bash
# ./dev test: every suite, and a last line `N passed, N failed`.
set -euo pipefail
. tools/say.sh
one_per_checkout
say "building the test programs"
exec cargo run --quiet --locked --bin suites
