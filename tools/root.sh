# shellcheck shell=bash
# The Debian 13 build root, seen from outside: where it is, what it takes to make and enter it.

suite=trixie
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/xen-claims

# in_root COMMAND...
in_root() {
    local packages root mirror='' problem
    root_with tools/packages.txt tools/packages-xen.txt
    # The demo does not wait for what it does not need.
    if [[ $* == tools/demo.sh && ! -d $root ]]; then root_with tools/packages.txt; fi
    # With --xl it boots Xen.
    if [[ $1 == tools/bench.sh && " $* " != *" --xl "* ]]; then root_with tools/packages.txt tools/packages-bench.txt; fi
    mkdir -p "$cache"
    [[ -w $cache ]] || die "cannot write in $cache; XDG_CACHE_HOME can name another directory"

    # All of it, making the root included, is in namespaces of its own: when this shell dies, whatever
    # way, nothing stays behind. Without root rights a user namespace makes this user root in there.
    local unshare=(unshare --mount --propagation private --pid --fork --kill-child)
    ((UID == 0)) || unshare+=(--map-root-user --map-auto)
    problem=$("${unshare[@]}" true 2>&1) || die "cannot make the namespaces for a build root: $(why_no_namespaces "$problem")"

    if [[ ! -d $root ]]; then
        need_mmdebstrap
        mirror=$(find_mirror) || true
        [[ -n $mirror ]] || die "this host's apt names no Debian mirror: set DEBIAN_MIRROR to the URL of one"
        (($(free_mib "$cache") >= 3000)) || die "a build root needs 3000 MiB in $cache, only $(free_mib "$cache") are free"
    fi

    setpriv --pdeathsig KILL "${unshare[@]}" \
        env suite="$suite" cache="$cache" packages="$packages" root="$root" mirror="$mirror" host_uid="$UID" \
        NPM_REGISTRY="$(find_registry)" \
        bash tools/inside.sh "$@" <&0 &
    wait $!
}

# root_with LIST...: what is in the root with the packages of these lists, and where it is.
root_with() {
    packages=$(sed 's/#.*//' "$@" | xargs | tr ' ' ,)
    root=$cache/root-$suite-$(sha256sum <<<"$(uname -m) $UID $packages" | cut -c1-12)
}

need_mmdebstrap() {
    local packages='mmdebstrap debian-archive-keyring' keyrings=(/usr/share/keyrings/debian-archive-keyring.*)
    if command -v mmdebstrap >/dev/null && [[ -e ${keyrings[0]} ]]; then return; fi
    ((UID == 0)) || die "missing packages: as root, 'apt-get install $packages'"
    command -v apt-get >/dev/null || die "this host has no apt-get: install $packages by other means"
    step "$cache/apt.log" "installing $packages on this host with apt-get (nothing else is changed outside $cache)" \
        flock "$cache/lock" bash -c "install() { apt-get install -y --no-install-recommends $packages; }
            export DEBIAN_FRONTEND=noninteractive; install || { apt-get update; install; }"
}

# The first Debian archive in the host's own apt configuration: by what its index says of itself,
# or, where no index was ever downloaded, by the release it is for.
find_mirror() {
    if [[ -n ${DEBIAN_MIRROR-} ]]; then
        echo "$DEBIAN_MIRROR"
    elif command -v apt-get >/dev/null; then
        local codename wanted=('Created-By: Packages' 'Component: main')
        # shellcheck disable=SC2016 # apt's variables, not the shell's
        {
            apt-get indextargets --format '$(REPO_URI)' "${wanted[@]}" 'Origin: Debian' 'Label: Debian'
            codename=$(. /etc/os-release && [[ $ID == debian ]] && echo "${VERSION_CODENAME-}") || return 0
            apt-get indextargets --no-release-info --format '$(REPO_URI)' "${wanted[@]}" "Release: $codename"
        } | sed -n 1p
    fi
}

# The npm registry that this host's npm has packages from.
find_registry() {
    if [[ -n ${NPM_REGISTRY-} ]]; then
        echo "$NPM_REGISTRY"
    elif command -v npm >/dev/null; then
        npm config get registry
    fi
}

# why_no_namespaces WHAT-UNSHARE-SAID: the package or setting that is missing.
why_no_namespaces() {
    local user range=100000-165535
    setting() { [[ -r /proc/sys/$1 && $(<"/proc/sys/$1") == "$2" ]]; }
    user=$(id -un)
    if ((UID == 0)); then
        echo "$1. In a container, it must be a privileged one (CAP_SYS_ADMIN)"
    elif ! command -v newuidmap >/dev/null; then
        echo "newuidmap is missing: as root, 'apt-get install uidmap'"
    elif ! unshare --help | grep -q -e --map-auto; then
        echo "unshare has no --map-auto: util-linux >= 2.38 is needed, or root"
    elif ! grep -qE "^($user|$UID):" /etc/subuid || ! grep -qE "^($user|$UID):" /etc/subgid; then
        echo "$user has no range in /etc/subuid and /etc/subgid: as root, 'usermod --add-subuids $range --add-subgids $range $user'"
    elif setting user/max_user_namespaces 0; then
        echo "as root, 'sysctl user.max_user_namespaces=10000'"
    elif setting kernel/unprivileged_userns_clone 0; then
        echo "as root, 'sysctl kernel.unprivileged_userns_clone=1'"
    elif setting kernel/apparmor_restrict_unprivileged_userns 1; then
        echo "as root, 'sysctl kernel.apparmor_restrict_unprivileged_userns=0'"
    else
        echo "$1"
    fi
}
