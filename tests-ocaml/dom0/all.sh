#!/bin/sh
# shellcheck shell=busybox
# all-tests [AREA...]: what ./dev test runs in Dom0 beside the conformance suite: the in-tree test, all of
# it or these areas, the in-tree test of the OCaml binding with that binding and with ours, xen-api's calls, what
# Claims does over either binding, and the OCaml suite. Each program counts its tests.
set -o pipefail
export XEN_CLAIMS_TEST_HOST=xen ALCOTEST_COLUMNS=200
status=0
run() {
    echo "-- $*"
    # On a terminal the OCaml programs would write over what they wrote.
    "$@" 2>&1 | cat || status=1
}
run test-claim-memory "$@"
run with_domain claims-in-tree
run with_domain xapi-names
run with_domain claims-ours
run with_domain toolstack-in-tree
run with_domain toolstack-ours
for program in /tests-ocaml/*; do
    run "$program"
done
exit $status
