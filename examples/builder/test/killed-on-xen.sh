#!/bin/sh
# In a Dom0: the builder is killed 10 times while it builds the VMs of a scenario, at other points each
# time, and started again. The last one has nothing but what Xen knows, and finishes. It fails if a VM
# failed or a claim is left. One more has nothing to do.
#
#   killed-on-xen.sh SCENARIO
set -eu
for tenths in 3 5 7 9 11 4 6 8 10 12; do
    builder build --xen --seed "$tenths" "$1" >/dev/null &
    usleep "${tenths}00000"
    kill -KILL $!
    wait $! || [ $? = 137 ]
done
echo "killed 10 times; the last builder:"
builder build --xen "$1"
# Everything is there: in no time, or it was built again.
builder build --xen "$1" >again
grep 'last was done *[01]\.' again
