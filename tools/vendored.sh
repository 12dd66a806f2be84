#!/usr/bin/env bash
# tools/vendored.sh DIRECTORY: makes a source of what is installed, with all crates it is built of, for a build without network.
set -euo pipefail
. tools/say.sh
[[ $# == 1 && ! -e $1 ]] || die "usage: tools/vendored.sh DIRECTORY, which does not exist yet"
mkdir -p "$1"
git ls-files -z -- rust-core ocaml-stubs claims-ml xenctrl-ml Cargo.toml Cargo.lock dune dune-project '*.opam' '*.md' LICENSE |
    tar --null --files-from=- --create | tar --extract --directory "$1"
cd "$1"
sed -i 's/^members = .*/members = ["rust-core", "ocaml-stubs"]/' Cargo.toml
# What builds domains on Xen, for tests, is under another licence (GPL-3.0-only): not in here.
sed -i 's/^domains = .*/domains = []/; /^xenctrl-sys = /d' rust-core/Cargo.toml
mkdir .cargo
cp Cargo.lock all.lock
# Without --locked, as cargo takes out what is not needed. No more than that:
# With --quiet it would not say how cargo is told.
cargo vendor vendor >.cargo/config.toml
if grep '^checksum' Cargo.lock | grep -Fxvf all.lock; then die "these crates are not in Cargo.lock: 'cargo check' writes it"; fi
rm all.lock
[[ ! -e vendor/xenctrl-sys ]] || die "xenctrl-sys is needed by something else, too"
