#!/bin/sh
# shellcheck shell=busybox
# Starts what xl needs in Dom0, unless that was done. The first xl does it, as most boots have no use for it.
ready=/run/xl/ready log=/var/log/xen/daemons.log
mkdir -p /run
if ! mkdir /run/xl 2>/dev/null; then
    # Somebody else does it, or has done it.
    until [ -e $ready ]; do
        [ -e /run/xl ] || exec "$0"
        usleep 100000
    done
    exit 0
fi

store_is_up() {
    local tenths=0
    until [ -S /run/xenstored/socket ]; do
        [ $((tenths += 1)) -lt 100 ] || return 1
        usleep 100000
    done
}

mkdir -p /dev/pts /etc/xen /var/lib/xen /run/xen /run/xenstored /var/lock /var/log/xen/console
[ -e /var/run ] || ln -s /run /var/run
grep -q ' /dev/pts ' /proc/mounts || mount -t devpts devpts /dev/pts
: >/etc/xen/xl.conf
# They must not keep open what xl writes to: somebody may wait for its end.
if ! {
    /xl/bin/xenstored --pid-file /run/xenstored/pid && store_is_up && /xl/bin/xen-init-dom0 &&
        /xl/bin/xenconsoled --log=guest --log-dir=/var/log/xen/console
} </dev/null >$log 2>&1; then
    echo "xl: xenstored, xen-init-dom0 or xenconsoled did not start:" >&2
    cat $log >&2
    rmdir /run/xl
    exit 1
fi
: >$ready
