# SPDX-License-Identifier: MIT
# transport-unix.sh — the conformance suite on the unix transport.
# May touch: a folder of its own under $TMPDIR.
long=$(printf '%0120d' 0)
exec "$RUNNEL_BUILD/tests/conformance/transport" "$RUNNEL_BUILD/plugins/transport/unix/.libs/transport-unix.so" \
  --trust local --listen path=@TMP@/@N@ \
  --bad unix://relative/path --bad unix:/only/one --bad "unix:///$long" --bad unix:///
