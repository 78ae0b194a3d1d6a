#!/bin/sh
# SPDX-License-Identifier: MIT
# memory.sh — runs the storage conformance suite on the plugin `memory`; what is said besides (--long) goes to the suite.
# May touch: the build folder; temporary directories.
exec "$RUNNEL_BUILD/tests/conformance/storage/suite" "$RUNNEL_BUILD/plugins/storage/memory/.libs/storage-memory.so" "$@"
