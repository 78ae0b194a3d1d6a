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

TESTS += tests/crash/shim.py
tests/crash/shim.log: tests/crash/volatile.la tests/crash/toy

if BUILD_BDB
check_PROGRAMS += tests/crash/aside
tests_crash_aside_SOURCES = tests/crash/aside.c
tests_crash_aside_CPPFLAGS = $(CONFORMANCE_CPPFLAGS)
tests_crash_aside_LDADD = $(CONFORMANCE_LIBS)

# syncs.py takes syncs out of the sources and builds that; scripts/check --long lets it do so with all of them.
CRASH_TESTS = tests/crash/each.py tests/crash/rotated.py tests/crash/aside.py tests/crash/archived.py tests/crash/syncs.py
TESTS += $(CRASH_TESTS)
$(CRASH_TESTS:.py=.log): tests/crash/volatile.la tests/crash/aside plugins/storage/bdb/faults-test runneld runnel $(plugin_LTLIBRARIES)
endif
EXTRA_DIST += tests/crash/shim.py tests/crash/each.py tests/crash/rotated.py tests/crash/aside.py tests/crash/archived.py \
  tests/crash/syncs.py tests/crash/syncs.txt tests/crash/disk.py tests/crash/node.py tests/crash/kills.py tests/crash/mutant.py tests/crash/run
