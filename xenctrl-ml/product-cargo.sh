#!/usr/bin/env bash
# Runs cargo in a workspace, made here, of the crates that are installed. A workspace is read with all its
# members, and those which only test need not be there.
#   product-cargo.sh CHECKOUT ARGUMENTS...
set -euo pipefail
checkout=$(realpath "$1")
shift
rm -rf product
mkdir product
ln -s "$checkout/rust-core" "$checkout/ocaml-stubs" product
sed 's/^members = .*/members = ["rust-core", "ocaml-stubs", "ocaml-stubs\/interop"]/' "$checkout/Cargo.toml" >product/Cargo.toml
# Without --locked, as cargo takes out what only tests use. No more than that:
cp --no-preserve=mode "$checkout/Cargo.lock" product
(cd product && cargo "$@")
if grep '^checksum' product/Cargo.lock | grep -Fxvf "$checkout/Cargo.lock"; then
    echo "these crates are not in Cargo.lock: 'cargo check' writes it" >&2
    exit 1
fi
