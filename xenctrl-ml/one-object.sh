#!/usr/bin/env bash
# Makes of an archive by rustc, NAME.a, one of a single object, lib$NAME.a, in which nothing is visible but what OCaml calls: xen_claims_*,
# renamed to PREFIX*, and bench_*.
#   one-object.sh ARCHIVE NAME PREFIX
#
# What rustc makes has all of Rust's own library in it. Two such archives in one program are two definitions of some of that,
# unless one compiler made both. Of these objects any number go into one program, with other libraries written in Rust, too. Groups
# are dissolved, as the linker would keep one of several and leave the others without what is local here.
set -euo pipefail
archive=$1 name=$2 prefix=$3
nm --defined-only --extern-only --format=posix "$archive" 2>/dev/null | sed -nE 's/^((xen_claims|bench)_[a-z_]*) T.*/\1/p' | sort -u >"$name.symbols"
sed -n "s/^xen_claims_\(.*\)/& $prefix\1/p" "$name.symbols" >"$name.names"
sed 's/^/--undefined=/' "$name.symbols" >"$name.roots"
ld -r --gc-sections --force-group-allocation --strip-debug "@$name.roots" -o "$name.o" "$archive"
objcopy --keep-global-symbols="$name.symbols" "$name.o"
objcopy --redefine-syms="$name.names" "$name.o"
rm -f "lib$name.a"
ar rcsD "lib$name.a" "$name.o"
