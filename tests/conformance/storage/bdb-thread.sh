#!/bin/sh
# SPDX-License-Identifier: MIT
# bdb-thread.sh — the storage conformance suite on the plugin `bdb` with a thread for every sync (bdb.sh).
# May touch: the build folder; temporary directories.
RUNNEL_STORE_CONF=slow=0s
export RUNNEL_STORE_CONF
exec "$RUNNEL_SRC/tests/conformance/storage/bdb.sh" "$@"
