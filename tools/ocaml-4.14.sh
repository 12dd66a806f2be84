#!/usr/bin/env bash
# The suite "OCaml 4.14": builds that compiler, once, and with it the libraries and their tests, as a distributor does
# who has crates vendored and no network. tests-ocaml/ocaml-4.14/README.md tells what is run.
set -euo pipefail
. tools/say.sh
. tools/root.sh

here=$PWD/tests-ocaml/ocaml-4.14
kept=${XEN_CLAIMS_OCAML:-${XEN_CLAIMS_CACHE:-$cache}/ocaml}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

# pinned NAME FILE: what base.txt says of it, and under which name it is kept.
pinned() {
    read -r version size sha256 < <(sed -n "s/^$1 //p" "$here/base.txt")
    tarball=$kept/$1-$version.$2
}
# fetch SERVER VARIABLE PATH: downloads what is pinned, unless it was before.
fetch() {
    [[ $(sha256sum 2>/dev/null <"$tarball") != "$sha256"* ]] || return 0
    [[ -n $1 ]] || die "there is no $tarball, and nothing here names a server that has it: $2=URL does"
    mkdir -p "$kept"
    download() {
        /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "${1%/}/$3" "$tarball" "SHA256:$sha256" && return
        echo "$2=URL names another server. Or put the file there by hand: $tarball, SHA-256 $sha256"
        return 1
    }
    step "$place/log" "${tarball##*/} from $1" download "$@"
    (($(stat -c %s "$tarball") == size)) || die "$tarball has another size than $here/base.txt says"
}

# The compiler, under its name when it is complete.
pinned ocaml tgz
compiler=$kept/$version-${sha256:0:12}
if [[ ! -x $compiler/bin/ocamlopt ]]; then
    fetch "$(find_registry)" NPM_REGISTRY "ocaml/-/ocaml-$version.tgz"
    tar --extract --file "$tarball" --directory "$place" --no-same-owner
    build_compiler() (
        cd "$place/package"
        # DESTDIR, as the prefix is in what is built.
        sh ./configure --prefix="$compiler" --disable-ocamldoc --disable-ocamltest --disable-debugger &&
            make -j"$(nproc)" world.opt && make install DESTDIR="$place/new"
    )
    step "$kept/build.log" "building OCaml $version, once (10 minutes or more)" build_compiler
    mv -T "$place/new$compiler" "$compiler"
fi
pinned cmdliner tar.bz2
fetch "$(find_mirror)" DEBIAN_MIRROR "pool/main/c/cmdliner/cmdliner_$version.orig.tar.bz2"

step "$place/log" "a source with its crates" tools/vendored.sh "$place/tree"
git ls-files -z -- tests-ocaml examples/xapi examples/placement | tar --null --files-from=- --create | tar --extract --directory "$place/tree"
# What these are about is not in there.
rm -r "$place"/tree/tests-ocaml/{docs,dom0,elsewhere}

# Libraries: those that Debian ships with their source, to be compiled again, and cmdliner.
libraries=$place/tree/libraries
cp -R "$here/libraries" "$libraries"
library() { # NAME WRAPPED LIBRARIES
    mkdir "$libraries/$1"
    echo "(library (name ${1//-/_}) (public_name $1) (wrapped $2) (libraries $3))" >"$libraries/$1/dune"
}
debian() { ocamlfind query "$1"; }
library qcheck-core false unix
cp "$(debian qcheck-core)"/*.ml{,i} "$(debian qcheck-core.runner)"/*.ml{,i} "$libraries/qcheck-core"
library qcheck-alcotest false "qcheck-core alcotest"
cp "$(debian qcheck-alcotest)"/*.ml{,i} "$libraries/qcheck-alcotest"
library yojson true ""
cp "$(debian yojson)"/*.ml{,i} "$libraries/yojson"
rm "$libraries/yojson/yojson__.ml"
library cmdliner false ""
tar --extract --file "$tarball" --directory "$libraries/cmdliner" --strip-components=2 --wildcards '*/src/*.ml' '*/src/*.mli'
# This one words exit statuses otherwise than Debian 13's, and has no empty line between a list and a heading.
sed -zi -E 's/(xen-claims )?([a-z-]+) exits with:/\2 exits with the following status:/g
    s/\n  (\n  TRYING IT WITHOUT XEN|\n  EXAMPLES\n +xen-claims plan 12G --policy)/\1/g' "$place/tree/xenctrl-ml/bin/test/help.t"
cp "$here/domain.ml" "$place/tree/tests-ocaml/support"

# An empty home, and no network, as at a distributor's.
export CARGO_TARGET_DIR=$PWD/target/ocaml-4.14 CARGO_HOME=$place/cargo CARGO_NET_OFFLINE=true PATH=$compiler/bin:$PATH
unset OCAMLPATH OCAMLLIB CAML_LD_LIBRARY_PATH
# No library that was compiled by another OCaml.
printf 'path="%s"\ndestdir="%s"\n' "$compiler/lib" "$place/none" >"$place/findlib.conf"
export OCAMLFIND_CONF=$place/findlib.conf
cd "$place/tree"
[[ $(ocamlopt -version) == 4.14.* ]] || die "$compiler is OCaml $(ocamlopt -version)"
say "dune build and dune test, by OCaml $(ocamlopt -version)"
dune build --profile release ./claims-ml ./xenctrl-ml ./examples
dune test --profile release ./tests-ocaml ./xenctrl-ml ./examples
