#!/usr/bin/env bash
# The suite "OCaml 4.14": builds that compiler, once, and with it the libraries and their tests, as a distributor does
# who has crates vendored and no network. tests-ocaml/ocaml-4.14/README.md tells what is run and what is only compiled.
set -euo pipefail
. tools/say.sh
. tools/root.sh

here=$PWD/tests-ocaml/ocaml-4.14
read -r package version size sha256 < <(grep -v '^#' "$here/base.txt")
kept=${XEN_CLAIMS_OCAML:-${XEN_CLAIMS_CACHE:-$cache}/ocaml}
compiler=$kept/$version-${sha256:0:12}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

# The compiler, under its name when it is complete.
if [[ ! -x $compiler/bin/ocamlopt ]]; then
    mkdir -p "$kept"
    tarball=$kept/$package-$version.tgz
    if [[ $(sha256sum 2>/dev/null <"$tarball") != "$sha256"* ]]; then
        registry=$(find_registry)
        [[ -n $registry ]] || die "$package $version is not in $kept, and there is no npm here that names a registry: NPM_REGISTRY=URL does"
        step "$place/log" "OCaml $version from $registry" /usr/lib/apt/apt-helper -o APT::Sandbox::User=root \
            download-file "${registry%/}/$package/-/$package-$version.tgz" "$tarball" "SHA256:$sha256"
    fi
    (($(stat -c %s "$tarball") == size)) || die "$tarball has another size than $here/base.txt says"
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

step "$place/log" "a source with its crates" tools/vendored.sh "$place/tree"
git ls-files -z -- tests-ocaml | tar --null --files-from=- --create | tar --extract --directory "$place/tree"
# What these are about is not in there.
rm -r "$place"/tree/tests-ocaml/{docs,dom0,elsewhere}

# Libraries that only tests need: as Debian ships their source, to be compiled again.
libraries=$place/tree/libraries
cp -R "$here/libraries" "$libraries"
library() {
    mkdir "$libraries/$1"
    echo "(library (name ${1//-/_}) (public_name $1) (wrapped $2) (libraries $3) $4)" >"$libraries/$1/dune"
}
debian() { ocamlfind query "$1"; }
library qcheck-core false unix ""
cp "$(debian qcheck-core)"/*.ml{,i} "$(debian qcheck-core.runner)"/*.ml{,i} "$libraries/qcheck-core"
library qcheck-alcotest false "qcheck-core alcotest" ""
cp "$(debian qcheck-alcotest)"/*.ml{,i} "$libraries/qcheck-alcotest"
library yojson true "" ""
cp "$(debian yojson)"/*.ml{,i} "$libraries/yojson"
rm "$libraries/yojson/yojson__.ml"
# Of this one Debian has the interface alone: what uses it is compiled, and can't be linked.
library cmdliner true "" "(modules_without_implementation cmdliner)"
cp "$(debian cmdliner)/cmdliner.mli" "$libraries/cmdliner"
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
dune build --profile release ./claims-ml ./xenctrl-ml/xenctrl_claims.cmxa ./xenctrl-ml/testing @xenctrl-ml/bin/check
dune test --profile release ./tests-ocaml
