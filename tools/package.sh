#!/usr/bin/env bash
# What a distributor does: builds the packages from a vendored source, without a network, installs them, and builds
# programs with them elsewhere.
set -euo pipefail
. tools/say.sh

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
step "$place/log" "a source with its crates" tools/vendored.sh "$place/source"
mkdir "$place/elsewhere"
cp -r tests-ocaml/elsewhere/. "$place/elsewhere"
cd "$place/source"
# An empty home, and no network: nothing but what is vendored is there.
export CARGO_TARGET_DIR=$place/target CARGO_HOME=$place/cargo CARGO_NET_OFFLINE=true

for package in claim-sets xenctrl-claims; do
    cp $package.opam "$place/$package.opam"
    step "$place/log" "dune build $package.opam" dune build ./$package.opam
    cmp $package.opam "$place/$package.opam" || die "$package.opam is not what dune-project says: 'dune build ./$package.opam' writes it"
    # Without 35 and 36, homepage and bug-reports: the project has no address of its own.
    OPAMROOT=$place/opam OPAMROOTISOK=1 step "$place/log" "opam lint" opam lint --strict --warnings=-35-36 $package.opam
done
step "$place/log" "dune build -p claim-sets" dune build -p claim-sets @install
step "$place/log" "dune build -p claim-sets,xenctrl-claims" dune build -p claim-sets,xenctrl-claims @install
step "$place/log" "dune install" dune install --prefix "$place/prefix" claim-sets xenctrl-claims
step "$place/log" "cargo package --package xen-claims" cargo package --package xen-claims

lib=$place/prefix/lib/xenctrl-claims
for archive in "$lib"/libxenctrl_claims_stubs.a "$lib"/testing/libxenctrl_claims_testing_stubs.a; do
    # Else no other library written in Rust could be linked with it.
    if nm --extern-only --defined-only --format=posix "$archive" | grep -v '^xen_claims_\|^$\|:$'; then die "$archive defines what is not ours"; fi
done
if nm "$lib/libxenctrl_claims_stubs.a" | grep 'xen_claims.*model'; then die "what a toolstack links has the embedded hypervisor in it"; fi

cd "$place/elsewhere"
export OCAMLPATH=$place/prefix/lib PATH=$place/prefix/bin:$PATH
step "$place/log" "a project elsewhere" dune build ./held.exe ./held.bc ./beside.exe
held=$'node 1: 524288 pages\nnode 3: 262144 pages'
[[ $(_build/default/held.exe) == "$held" ]] || die "the project elsewhere prints something else"
[[ $(CAML_LD_LIBRARY_PATH=$place/prefix/lib/stublibs _build/default/held.bc) == "$held" ]] || die "the project elsewhere prints something else as bytecode"
[[ $(_build/default/beside.exe 2>"$place/log") == $'caught ours\ncaught theirs\n7 pages' ]] || die "beside another library in Rust the project prints something else"
# As docs/distributors.md says it; OCAMLPATH is for dune and findlib alone.
step "$place/log" "the same with ocamlopt alone" env -u OCAMLPATH ocamlopt -I +unix -I +threads -I "$place/prefix/lib/claim-sets" \
    -I "$lib" -I "$lib/testing" unix.cmxa threads.cmxa claim_sets.cmxa xenctrl_claims.cmxa xenctrl_claims_testing.cmxa held.ml -o held
[[ $(./held) == "$held" ]] || die "the program built with ocamlopt alone prints something else"
if ldd held | grep claims; then die "that program needs a shared library of ours"; fi

for page in "" -list -nodes -plan -release -set -show -watch; do
    [[ -s $place/prefix/man/man1/xen-claims$page.1 ]] || die "xen-claims$page(1) was not installed"
done
xen-claims nodes --host 2x1 --json >/dev/null
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$place/source/Cargo.toml")
[[ $(xen-claims --version) == "$version" ]] || die "the command and the crate have different versions"
