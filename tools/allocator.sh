#!/usr/bin/env bash
# ./dev fuzz, ./dev mutate: Xen's own allocator, compiled natively, by the program of that name.
# ./dev mutate --library: the OCaml library, which needs no Xen.
set -euo pipefail
. tools/say.sh
command=$1
shift
one_per_checkout
if [[ "$command ${1-}" == "mutate --library" ]]; then
    needs_no_xen
    say "building what breaks the library"
    cargo build --quiet --locked --release --bin mutate-library
    exec target/release/mutate-library "${@:2}"
fi
base=()
[[ ! " $* " =~ \ --base[=\ ]([^\ ]+) ]] || base=(--base "${BASH_REMATCH[1]}")
tools/xen.sh prepare "${base[@]}"
say "building the allocator and what drives it"
cargo build --quiet --locked --release --bin judge --bin "$command"
. tools/root.sh
export XEN_CLAIMS_CACHE=${XEN_CLAIMS_CACHE:-$cache}
exec "target/release/$command" "$@"
