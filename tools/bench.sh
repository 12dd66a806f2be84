#!/usr/bin/env bash
# ./dev bench: what claim sets cost, beside what they replace.
set -euo pipefail
. tools/say.sh
case " $* " in
    *" -h "* | *" --help "*) exec cargo run --quiet --locked --release --package xen-claims-bench -- "$@" ;;
esac
tools/xen.sh prepare >&2
one_per_checkout
needs_no_xen
say "building what is measured"
case " $* " in
    *" --placement "*)
        cargo build --quiet --locked --release --package xen-claims-bench --bin bench
        dune build ./examples/builder/builder.exe
        ;;
    *)
        cargo build --quiet --locked --release --package xen-claims-bench --benches --bins
        dune build ./bench/binding/binding.exe ./bench/binding/count.so ./examples/builder/builder.exe
        ;;
esac
exec "${CARGO_TARGET_DIR:-target}/release/bench" "$@"
