#!/bin/sh
# shellcheck shell=busybox
# xl in Dom0, with the daemons that it needs.
start-xl-daemons && LIBXL_SAVE_HELPER=/xl/bin/libxl-save-helper exec /xl/bin/xl "$@"
