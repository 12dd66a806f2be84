#!/usr/bin/env bash
# Writes which features of ocaml-stubs the two libraries are built with, and what they are linked with.
#   find-features.sh PROFILE OCAML-VERSION
# XEN_CLAIMS_LINK has linker options, for another libxenctrl than this system's: tools/xen.sh sets it.
set -euo pipefail

links() { cc -x c -o /dev/null - "$@" <<<'int main(void) { return 0; }' 2>/dev/null; }

# xenctrl-sys reads the headers with it.
has_libclang() { compgen -G '/usr/lib*/libclang*.so*' || compgen -G '/usr/lib/*/libclang*.so*'; } >/dev/null

ocaml=ocaml${2%%.*} features='' testing=testing flags=() testing_flags=()
if [[ -z ${XEN_CLAIMS_WITHOUT_XEN-} ]]; then
    links -lxencall || {
        echo "libxencall is missing, without which there is no way to Xen: install it with its header (Debian: libxen-dev)," \
            "or set XEN_CLAIMS_WITHOUT_XEN=1 to build a library that opens no Xen" >&2
        exit 1
    }
    features=xen flags=(-lxencall)
    # Not in what is installed: that part is under another licence, and a toolstack has its own.
    if [[ $1 != release ]] && links -lxenctrl -lxenforeignmemory && has_libclang; then
        testing+=,domains
        read -ra testing_flags <<<"${XEN_CLAIMS_LINK-} -lxencall -lxenctrl -lxenforeignmemory"
    fi
fi
echo "$ocaml${features:+,$features}" >features
echo "$ocaml,$testing" >features-testing
echo "(${flags[*]})" >link-flags.sexp
echo "(${testing_flags[*]})" >link-flags-testing.sexp
