#!/usr/bin/env bash
# ./dev xen COMMAND: the Xen source with the series in xen-patches/, through the program xen-series.
set -euo pipefail
. tools/say.sh
. tools/root.sh

series() { cargo run --quiet --locked --bin xen-series -- "$@"; }

# The mirror this system was made from, or that its apt uses.
DEBIAN_MIRROR=$(find_mirror) || true
export DEBIAN_MIRROR XEN_CLAIMS_CACHE=${XEN_CLAIMS_CACHE:-$cache}
mkdir -p "$XEN_CLAIMS_CACHE/xen"
options=" ${*%%--}"
case "$*" in
    *--style* | *-h*) ;; # nothing of what is in the cache
    *) one_at_a_time "$XEN_CLAIMS_CACHE/xen/lock" "another ./dev xen works in $XEN_CLAIMS_CACHE/xen" ;;
esac
