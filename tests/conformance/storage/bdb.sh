#!/bin/sh
# SPDX-License-Identifier: MIT
# bdb.sh — runs the storage conformance suite on the plugin `bdb`; what is said besides (--long) goes to the suite.
# May touch: the build folder; temporary directories.
LSAN_OPTIONS="suppressions=$RUNNEL_SRC/tests/conformance/storage/bdb.lsan:print_suppressions=0"
export LSAN_OPTIONS
exec "$RUNNEL_BUILD/tests/conformance/storage/suite" "$RUNNEL_BUILD/plugins/storage/bdb/.libs/storage-bdb.so" "$@"
