#!/usr/bin/env bash
# Writes which features of ocaml-stubs this machine can build, and what they are linked with.
#   find-features.sh PROFILE
set -euo pipefail

links() { cc -x c -o /dev/null - "$@" <<<'int main(void) { return 0; }' 2>/dev/null; }

# xenctrl-sys reads the headers with it.
has_libclang() { compgen -G '/usr/lib*/libclang*.so*' || compgen -G '/usr/lib/*/libclang*.so*'; } >/dev/null

features='' flags=()
if links -lxencall; then
    features=xen flags=(-lxencall)
    # Not in what is installed: that part is under another licence, and a toolstack has its own.
    if [[ $1 != release ]] && links -lxenctrl -lxenforeignmemory && has_libclang; then
        features=domains flags+=(-lxenctrl -lxenforeignmemory)
    fi
fi
echo "$features" >features
echo "(${flags[*]})" >link-flags.sexp
