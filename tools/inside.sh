#!/usr/bin/env bash
# The Debian 13 build root, from inside its namespaces, as their process 1: makes the root if there is
# none, enters it, runs a command. tools/root.sh starts this and sets the variables named here.
set -euo pipefail
: "${suite:?}" "${cache:?}" "${packages:?}" "${root:?}" "${host_uid:?}" "${mirror?}"
top=$PWD
PATH=$PATH:/usr/sbin:/sbin # a user's may lack them, and with them pivot_root
. tools/say.sh

# Under another name until it is complete; what killed runs left is removed.
make_root() ( # a subshell: the lock ends with it
    local new=$root.tmp exclude=() directory
    one_at_a_time "$cache/lock" "another ./dev makes a build root"
    if [[ -d $root ]]; then exit; fi
    rm -rf "$cache"/*.tmp
    trap 'status=$?; rm -rf "$new"; ((status == 0)) || say "if it is the mirror, DEBIAN_MIRROR=URL names another one"' EXIT
    mkdir -p "$new/tmp"
    chmod 1777 "$new/tmp"
    # The host's way to its mirror (a proxy, a certificate) is the way here too.
    if command -v apt-config >/dev/null; then apt-config dump; fi | grep -E '^Acquire::https?::' >"$new/apt.conf" || true
    for directory in doc info locale man; do exclude+=(--dpkgopt="path-exclude=/usr/share/$directory/*"); done
    # INITRD=No: the kernel is only booted with an initramfs made here.
    INITRD=No TMPDIR=$new/tmp step "$cache/root.log" "making the build root, $(tr , "\n" <<<"$packages" | wc -l) packages and what they need, from $mirror (a minute or more)" \
        mmdebstrap --mode=root --variant=minbase --include="$packages" --format=directory \
        --aptopt="$new/apt.conf" --aptopt='Acquire::Languages "none"' --aptopt='APT::Sandbox::User "root"' \
        --aptopt='Acquire::http::Timeout "20"' --aptopt='Acquire::https::Timeout "20"' \
        --dpkgopt=force-unsafe-io "${exclude[@]}" "$suite" "$new/root" "$mirror"
    mv -T "$new/root" "$root"
)

# bind SOURCE [TARGET [ro]]: makes a file or directory of the host visible in the root, if it exists and is not so yet.
bind() {
    local target=$root${2:-$1}
    if [[ ! -e $1 || $1 -ef $target ]]; then return; fi
    if [[ -d $1 ]]; then
        mkdir -p "$target"
    else
        mkdir -p "$(dirname "$target")"
        [[ -e $target ]] || : >"$target"
    fi
    mount --rbind "$1" "$target"
    # In a user namespace the kernel may refuse this; there the file's own rights protect it.
    [[ ${3-} != ro ]] || mount -o remount,bind,ro "$target" 2>/dev/null || ((host_uid != 0))
}

# bind_tree DIRECTORY [ro]: the same for a directory that may be a git worktree: its repository is elsewhere.
bind_tree() {
    bind "$1" "$1" "${2-}"
    if [[ -f $1/.git ]]; then
        bind "$(git -C "$1" -c safe.directory='*' rev-parse --path-format=absolute --git-common-dir)"
    fi
}

enter_root() {
    local path products
    mount --bind "$root" "$root"
    cd "$root"
    mount -t proc proc "$root/proc" 2>/dev/null || bind /proc
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    bind /dev
    bind /sys /sys ro
    local certificates=(/etc/ssl /etc/pki /usr/share/ca-certificates /usr/local/share/ca-certificates)
    # A host without its own bundle gets the root's.
    [[ -e /etc/ssl/certs/ca-certificates.crt ]] || certificates=()
    for path in /etc/resolv.conf /etc/hosts "${certificates[@]}" \
        "${SSL_CERT_FILE-}" "${SSL_CERT_DIR-}" "${CURL_CA_BUNDLE-}" "${GIT_SSL_CAINFO-}" "${CARGO_HTTP_CAINFO-}"; do
        bind "$path" "$path" ro
    done

    # The checkout, and over its build directories those of this release: compilers do not mix.
    bind_tree "$top"
    products=$cache/build-$suite-$(sha256sum <<<"$(uname -m) $top" | cut -c1-12)
    for path in target _build; do
        mkdir -p "$products/$path" "$top/$path"
        bind "$products/$path" "$top/$path"
    done
    mkdir -p "$cache/cargo" "$cache/ocaml" "$cache/xen"
    bind "$cache/cargo"
    bind "$cache/ocaml"
    bind "$cache/xen"
    [[ -z ${XEN_SOURCE-} ]] || bind_tree "$XEN_SOURCE" ro
    bind "${XEN_TARBALL-}" "${XEN_TARBALL-}" ro
    bind "${CARGO_HOME:-${HOME-}/.cargo}/config.toml" "$cache/cargo/config.toml" ro

    pivot_root . mnt
    umount --lazy /mnt
    cd "$top"
    hash -r
}

# A clean environment, but for what says how to reach the network and how the project is to be run.
set_environment() {
    environment=(HOME=/root USER=root SHELL=/bin/bash LANG=C.UTF-8 debian_chroot=xen-claims
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
        CARGO_HOME="$cache/cargo" RUSTC_WRAPPER= XEN_CLAIMS_CACHE="$cache"
        # root in here may not own the checkout
        GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*')
    local name
    for name in $(compgen -e); do
        case $name in
            *_TOKEN) ;;
            XEN_SOURCE | XEN_TARBALL | DEBIAN_MIRROR | NPM_REGISTRY | XEN_CLAIMS_WITHOUT_XEN) environment+=("$name=${!name}") ;;
            TERM | COLORTERM | NO_COLOR | CI | *_proxy | *_PROXY | SSL_CERT_* | CURL_CA_BUNDLE | GIT_SSL_* | \
                CARGO_HTTP_* | CARGO_NET_* | CARGO_REGISTR* | CARGO_SOURCE_* | CARGO_TERM_* | CARGO_BUILD_JOBS | \
                RUST_BACKTRACE | RUST_LOG | RUST_TEST_* | PROPTEST_* | QCHECK_* | ALCOTEST_* | OCAMLRUNPARAM)
                environment+=("$name=${!name}") ;;
        esac
    done
}

if [[ ! -d $root ]]; then make_root; fi
set_environment
enter_root
# A shell ignores SIGINT in what it starts in the background, which this is.
env --ignore-environment --default-signal=INT,QUIT "${environment[@]}" "$@" || exit $?
