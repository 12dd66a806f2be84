#!/bin/busybox sh
# The first process of Dom0: sets up what programs need to talk to Xen, runs /command or a shell, ends.
/bin/busybox --install -s /bin
export PATH=/bin LD_LIBRARY_PATH=/lib HOME=/ RUST_BACKTRACE=1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs -o size=75% tmp /tmp # a half of all memory is what the root has
for module in /modules/*.ko; do insmod "$module"; done
mount -t xenfs xenfs /proc/xen
if [ -e /command ]; then
    stty -F /dev/ttyS1 raw
    echo "xen-claims: the command begins"
    sh /command </dev/null >/dev/ttyS1 2>&1
    echo "xen-claims: exit status $?"
    sleep 1 # Xen's console is slow.
else
    echo "This is Dom0. 'exit' ends it."
    setsid cttyhack sh
fi
poweroff -f
