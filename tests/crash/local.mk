# SPDX-License-Identifier: MIT
# tests/crash/local.mk — the power fails: daemons on a disk that forgets what was not synced.
# May touch: the build folder, temporary folders, loopback ports.
# Preloaded into a daemon, which may have sanitizers; into anything else too, hence it has none.
check_LTLIBRARIES += tests/crash/volatile.la
tests_crash_volatile_la_SOURCES = tests/crash/volatile.c
tests_crash_volatile_la_CFLAGS = -std=c11 -fvisibility=hidden $(WARN_CFLAGS)
tests_crash_volatile_la_LDFLAGS = -module -avoid-version -shared -rpath $(abs_builddir)

check_PROGRAMS += tests/crash/toy
tests_crash_toy_SOURCES = tests/crash/toy.c
tests_crash_toy_CFLAGS = -std=c11 $(WARN_CFLAGS)
tests_crash_toy_LDFLAGS =

CRASH_TESTS = tests/crash/shim.py
if BUILD_BDB
CRASH_TESTS += tests/crash/each.py
endif
TESTS += $(CRASH_TESTS)
EXTRA_DIST += tests/crash/shim.py tests/crash/each.py tests/crash/disk.py tests/crash/node.py tests/crash/kills.py tests/crash/run
tests/crash/shim.log: tests/crash/volatile.la tests/crash/toy
tests/crash/each.log: tests/crash/volatile.la runneld $(plugin_LTLIBRARIES)
