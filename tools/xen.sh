#!/usr/bin/env bash
# ./dev xen COMMAND: the Xen source with the series in xen-patches/, through the program xen-series;
# once that is built, booted through the program xen-boot.
set -euo pipefail
. tools/say.sh
. tools/root.sh

# The mirror this system was made from, or that its apt uses.
DEBIAN_MIRROR=$(find_mirror) || true
export DEBIAN_MIRROR XEN_CLAIMS_CACHE=${XEN_CLAIMS_CACHE:-$cache}
mkdir -p "$XEN_CLAIMS_CACHE/xen"
series=(cargo run --quiet --locked --bin xen-series --)
program=("${series[@]}")
case $1 in
    boot | conformance) program=(cargo run --quiet --locked --bin xen-boot --) ;;
esac
options=" $* "
options=${options%% -- *} # what comes then is run in Dom0
base=()
[[ ! $options =~ \ --base[=\ ]([^\ ]+) ]] || base=(--base "${BASH_REMATCH[1]}")
case $options in
    *--style* | *-h*) exec "${program[@]}" "$@" ;; # nothing of what is in the cache
esac
case $1 in
    # In this order, as ./dev test does.
    boot | conformance) one_per_checkout && checkout=${lock-} ;;
esac
# Another base has a part of the cache to itself.
other=${base[1]-}
[[ -d xen-patches/bases/$other ]] || other=
home=$XEN_CLAIMS_CACHE/xen/${other:+$other/}
mkdir -p "$home"
busy=("${home}lock" "another ./dev xen works in $home")
if [[ $* =~ ^(prepare|check)(\ --base[=\ ][^\ ]+)?$ ]]; then
    # What is booted meanwhile need not be waited for, if there is nothing to prepare.
    one_at_a_time "${busy[@]}" --shared
    if "${series[@]}" prepare --unchanged "${base[@]}"; then
        [[ $1 == check ]] || exit 0
        one_at_a_time "${home}check.lock" "another ./dev xen check works in $home"
        exec "${series[@]}" "$@"
    fi
    exec {lock}>&-
fi
one_at_a_time "${busy[@]}"
# What creates domains has the layouts of libxenctrl's headers, which are another base's in another version: so there
# all programs are built once more, in places of their own.
products=$(realpath -m "${CARGO_TARGET_DIR:-target}")${other:+/xen-$other}
against_the_tree() {
    [[ -n $other ]] || return 0
    local tree=${home}tree/tools
    export BINDGEN_EXTRA_CLANG_ARGS=-I$tree/include DUNE_BUILD_DIR=$products/dune
    # Ahead of this system's, as LIBRARY_PATH is not: for Rust, for what is linked with it, and to try that here.
    export RUSTFLAGS="-L native=$tree/libs/ctrl -L native=$tree/libs/foreignmemory"
    export XEN_CLAIMS_LINK="-L$tree/libs/ctrl -L$tree/libs/foreignmemory"
    export LD_LIBRARY_PATH=$tree/libs/ctrl:$tree/libs/foreignmemory
}
case $1 in
    boot | conformance)
        step "${home}build.log" "building Xen with the series" "${series[@]}" build "${base[@]}"
        programs() (
            # All of it is in Dom0's memory.
            export CARGO_PROFILE_RELEASE_STRIP=debuginfo
            against_the_tree
            cargo build --locked --release --target-dir "$products" -p xen-claims-tests --features domains --bin conformance &&
                dune build ./examples/builder/builder.exe ./xenctrl-ml/bin/main.exe ./claims-ml/ ./examples/xapi/daemon.exe ./tests-ocaml/ &&
                tests-ocaml/dom0/in-tree.sh "$(realpath "${home}tree")" "$products/in-tree/toolstack-in-tree"
        )
        step "${home}programs.log" "building the programs for Dom0" programs
        [[ -z ${checkout-} ]] || exec {checkout}>&-
        flock --shared "$lock"
        ;;
esac
exec "${program[@]}" "$@"
