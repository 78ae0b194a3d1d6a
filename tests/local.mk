# SPDX-License-Identifier: MIT
# tests/local.mk — the layers of tests; each has its own fragment.
# May touch: the build folder.
EXTRA_DIST += tests/README.md tests/conformance/README.md
UNIT_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) $(SODIUM_CFLAGS) $(CRYPTO_CFLAGS)
include tests/unit/base.mk
include tests/unit/data.mk
include tests/unit/node.mk
include tests/unit/client.mk
include tests/conformance/local.mk
include tests/sim/local.mk
include tests/node/local.mk
include tests/scenario/local.mk
include tests/crash/local.mk

# Random frames at a daemon: a few seconds here, as long as one likes by hand.
TESTS += tests/fuzz/session.py
EXTRA_DIST += tests/fuzz/session.py
tests/fuzz/session.log: runneld $(plugin_LTLIBRARIES)
