# SPDX-License-Identifier: MIT
# transport-tcp4.sh — the conformance suite on the tcp transport over IPv4.
# May touch: loopback ports that are free, a folder of its own under $TMPDIR.
exec "$RUNNEL_BUILD/tests/conformance/transport" "$RUNNEL_BUILD/plugins/transport/tcp/.libs/transport-tcp.so" \
  --trust raw --listen 'listen=127.0.0.1:0' \
  --bad tcp://127.0.0.1 --bad tcp://127.0.0.1:0 --bad tcp://127.0.0.1:65536 --bad tcp://127.0.0.1:+80 \
  --bad tcp://192.0.2.1:24600 --bad tcp://example.org:24600 --bad tcp://127.0.0.1:80/
