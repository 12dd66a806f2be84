# shellcheck shell=bash
# Messages, timed steps, the lock of a checkout, and a build without Xen.

say() { printf 'dev: %s\n' "$*" >&2; }

die() {
    say "$@"
    exit 1
}

# step LOG TEXT COMMAND...: one line that says what is done and how long it took; output goes to LOG.
step() {
    local log=$1 text=$2 start=$SECONDS
    shift 2
    printf 'dev: %s ... ' "$text" >&2
    if "$@" >"$log" 2>&1 </dev/null; then
        printf '%d s\n' $((SECONDS - start)) >&2
        return
    fi
    printf 'failed after %d s\n' $((SECONDS - start)) >&2
    tail -n 15 "$log" | sed 's/^/    /' >&2
    die "that was the end of $log; $(free_mib "$log") MiB are free on that disk"
}

free_mib() { df --output=avail -BM "$1" | tr -dc 0-9; }

# one_at_a_time FILE TEXT [--shared]: holds a lock as long as this shell and what it starts live.
one_at_a_time() {
    { exec {lock}>>"$1"; } 2>/dev/null || die "cannot write $1: is that disk full, or read-only?"
    flock --nonblock "${@:3}" "$lock" && return
    say "waiting: $2"
    flock "${@:3}" "$lock"
}

# Two builds in one checkout would trip over each other.
one_per_checkout() {
    [[ -z ${checkout_is_locked-} ]] || return 0 # by what started this
    export checkout_is_locked=yes
    mkdir -p target
    one_at_a_time target/.dev-lock "another ./dev works in this checkout"
}

# What is built then runs on the embedded hypervisor: who has no way to Xen need not say so.
needs_no_xen() {
    cc -x c -o /dev/null - -lxencall <<<"int main(void) { return 0; }" 2>/dev/null || export XEN_CLAIMS_WITHOUT_XEN=1
}
