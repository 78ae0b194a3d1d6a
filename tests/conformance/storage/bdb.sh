#!/bin/sh
# SPDX-License-Identifier: MIT
# bdb.sh — runs the storage conformance suite on the plugin `bdb`.
# May touch: the build folder; temporary directories.
exec "$RUNNEL_BUILD/tests/conformance/storage/suite" "$RUNNEL_BUILD/plugins/storage/bdb/.libs/storage-bdb.so"
