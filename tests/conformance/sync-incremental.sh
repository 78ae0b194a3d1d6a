# SPDX-License-Identifier: MIT
# sync-incremental.sh — the conformance suite on the incremental policy.
# May touch: nothing.
exec "$RUNNEL_BUILD/tests/conformance/sync" "$RUNNEL_BUILD/plugins/sync/incremental/.libs/sync-incremental.so"
