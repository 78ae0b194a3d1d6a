# SPDX-License-Identifier: MIT
# transport-tcp6.sh — the conformance suite on the tcp transport over IPv6.
# May touch: loopback ports that are free, a folder of its own under $TMPDIR.
if ! grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null; then
  echo '1..0 # SKIP this machine has no ::1'
  exit 0
fi
exec "$RUNNEL_BUILD/tests/conformance/transport" "$RUNNEL_BUILD/plugins/transport/tcp/.libs/transport-tcp.so" \
  --trust raw --listen 'listen=[::1]:0' \
  --bad tcp://::1:24600 --bad "tcp://[::1]" --bad "tcp://[::1]24600" --bad "tcp://[::1" --bad "tcp://[]:24600" \
  --bad "tcp://[2001:db8::1]:24600" --bad "tcp://[::ffff:127.0.0.1]:24600"
