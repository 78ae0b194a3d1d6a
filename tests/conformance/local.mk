# SPDX-License-Identifier: MIT
# tests/conformance/local.mk — the plugin test host and the suites that every plugin of a kind must pass.
# May touch: the build folder.
CONFORMANCE_CPPFLAGS = -I$(top_srcdir)/include -I$(top_srcdir) -I$(top_builddir) -D_GNU_SOURCE $(LIBEVENT_CFLAGS) $(CMOCKA_CFLAGS)
CONFORMANCE_LIBS = tests/conformance/libtesthost.la $(CMOCKA_LIBS)

# The host knows the public headers only, so that an outside plugin is tested as ours are.
check_LTLIBRARIES += tests/conformance/libtesthost.la
tests_conformance_libtesthost_la_SOURCES = \
  tests/conformance/host.h tests/conformance/host.c tests/conformance/hostconf.h tests/conformance/hostconf.c
tests_conformance_libtesthost_la_CPPFLAGS = $(CONFORMANCE_CPPFLAGS)
tests_conformance_libtesthost_la_LIBADD = $(LIBEVENT_LIBS) $(LIBS)

check_LTLIBRARIES += tests/conformance/probe.la
tests_conformance_probe_la_SOURCES = tests/conformance/probe.h tests/conformance/probe.c
tests_conformance_probe_la_CPPFLAGS = -I$(top_srcdir)/include -I$(top_srcdir)
tests_conformance_probe_la_LDFLAGS = $(PLUGIN_LINK) -rpath $(abs_builddir)

check_PROGRAMS += tests/conformance/host-test
tests_conformance_host_test_SOURCES = tests/conformance/host_test.c
tests_conformance_host_test_CPPFLAGS = $(CONFORMANCE_CPPFLAGS)
tests_conformance_host_test_LDADD = $(CONFORMANCE_LIBS)
TESTS += tests/conformance/host-test

# The suite of the transports, run on each that is shipped.
check_PROGRAMS += tests/conformance/transport
tests_conformance_transport_SOURCES = \
  tests/conformance/transport.c tests/conformance/transportbed.h tests/conformance/transportbed.c \
  tests/conformance/transportflow.h tests/conformance/transportflow.c
tests_conformance_transport_CPPFLAGS = $(CONFORMANCE_CPPFLAGS)
tests_conformance_transport_LDADD = $(CONFORMANCE_LIBS) $(LIBEVENT_LIBS)
TRANSPORT_SUITES = \
  tests/conformance/transport-unix.sh tests/conformance/transport-tcp4.sh tests/conformance/transport-tcp6.sh
dist_check_SCRIPTS += $(TRANSPORT_SUITES)
TESTS += $(TRANSPORT_SUITES)

# The suite of the sync policies.
check_PROGRAMS += tests/conformance/sync
tests_conformance_sync_SOURCES = tests/conformance/sync.c
tests_conformance_sync_CPPFLAGS = $(CONFORMANCE_CPPFLAGS)
tests_conformance_sync_LDADD = $(CONFORMANCE_LIBS)
dist_check_SCRIPTS += tests/conformance/sync-incremental.sh
TESTS += tests/conformance/sync-incremental.sh

# One suite on every storage plugin: each script names a plugin.
check_PROGRAMS += tests/conformance/storage/suite
tests_conformance_storage_suite_SOURCES = \
  tests/conformance/storage/suite.h tests/conformance/storage/suite.c \
  tests/conformance/storage/store.h tests/conformance/storage/store.c \
  tests/conformance/storage/model.h tests/conformance/storage/model.c \
  tests/conformance/storage/script.h tests/conformance/storage/script.c \
  tests/conformance/storage/sweep.h tests/conformance/storage/sweep.c \
  tests/conformance/storage/ground.h tests/conformance/storage/ground.c \
  tests/conformance/storage/alloc.h tests/conformance/storage/alloc.c \
  tests/conformance/storage/disk.h tests/conformance/storage/disk.c \
  tests/conformance/storage/mirror.h tests/conformance/storage/mirror.c \
  tests/conformance/storage/calls.c tests/conformance/storage/commits.c tests/conformance/storage/streams.c \
  tests/conformance/storage/life.c tests/conformance/storage/durable.c tests/conformance/storage/full.c \
  tests/conformance/storage/scarce.c tests/conformance/storage/damage.c tests/conformance/storage/slow.c
tests_conformance_storage_suite_CPPFLAGS = $(CONFORMANCE_CPPFLAGS)
tests_conformance_storage_suite_LDADD = $(CONFORMANCE_LIBS)
# Its malloc, write and sync calls must be seen by the library that a plugin brings: hence -export-dynamic.
tests_conformance_storage_suite_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
# How fast a plugin is and how much room it needs, for people: it is no test.
check_PROGRAMS += tests/conformance/storage/measure
tests_conformance_storage_measure_SOURCES = tests/conformance/storage/measure.c \
  tests/conformance/storage/store.h tests/conformance/storage/store.c \
  tests/conformance/storage/ground.h tests/conformance/storage/ground.c
tests_conformance_storage_measure_CPPFLAGS = $(CONFORMANCE_CPPFLAGS)
tests_conformance_storage_measure_LDADD = $(CONFORMANCE_LIBS)
dist_check_SCRIPTS += tests/conformance/storage/memory.sh tests/conformance/storage/bdb.sh \
  tests/conformance/storage/bdb-thread.sh
EXTRA_DIST += tests/conformance/storage/bdb.lsan
TESTS += tests/conformance/storage/memory.sh
if BUILD_BDB
TESTS += tests/conformance/storage/bdb.sh tests/conformance/storage/bdb-thread.sh
endif
