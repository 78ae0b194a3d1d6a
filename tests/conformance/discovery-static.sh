# SPDX-License-Identifier: MIT
# discovery-static.sh — the conformance suite on the static discovery plugin.
# May touch: nothing.
exec "$RUNNEL_BUILD/tests/conformance/discovery" "$RUNNEL_BUILD/plugins/discovery/static/.libs/discovery-static.so" \
  --id 000102030405860788090a0b0c0d0e0f --address tcp://127.0.0.1:24600 \
  --conf 'peers={"00010203-0405-8607-8809-0a0b0c0d0e0f": ["tcp://127.0.0.1:24600", "unix:///tmp/x"]}'
