# SPDX-License-Identifier: MIT
# plugins/storage/bdb/local.mk — the plugin and the tests that are for it alone.
# May touch: the build folder; on install $(plugindir).
if BUILD_BDB
plugin_LTLIBRARIES += plugins/storage/bdb/storage-bdb.la
plugins_storage_bdb_storage_bdb_la_SOURCES = plugins/storage/bdb/bdb.h plugins/storage/bdb/env.c plugins/storage/bdb/create.c \
  plugins/storage/bdb/fail.c plugins/storage/bdb/lock.c plugins/storage/bdb/files.c plugins/storage/bdb/open.c plugins/storage/bdb/log.c \
  plugins/storage/bdb/worker.c plugins/storage/bdb/sync.c \
  plugins/storage/bdb/trial.c plugins/storage/bdb/ballast.c plugins/storage/bdb/commit.c \
  plugins/storage/bdb/read.c plugins/storage/bdb/plugin.c
plugins_storage_bdb_storage_bdb_la_LDFLAGS = $(PLUGIN_LINK)
plugins_storage_bdb_storage_bdb_la_LIBADD = librunnel-base.la $(BDB_LIBS)

# The shim's functions must be seen by the library that the plugin brings: hence -export-dynamic.
check_PROGRAMS += plugins/storage/bdb/faults-test
plugins_storage_bdb_faults_test_SOURCES = plugins/storage/bdb/faults_test.c plugins/storage/bdb/shim.h \
  plugins/storage/bdb/shim.c tests/conformance/storage/store.h tests/conformance/storage/store.c
plugins_storage_bdb_faults_test_CPPFLAGS = $(CONFORMANCE_CPPFLAGS)
plugins_storage_bdb_faults_test_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
plugins_storage_bdb_faults_test_LDADD = $(CONFORMANCE_LIBS)
check_PROGRAMS += plugins/storage/bdb/damage-test
plugins_storage_bdb_damage_test_SOURCES = plugins/storage/bdb/damage_test.c plugins/storage/bdb/shim.h \
  plugins/storage/bdb/shim.c tests/conformance/storage/store.h tests/conformance/storage/store.c
plugins_storage_bdb_damage_test_CPPFLAGS = $(CONFORMANCE_CPPFLAGS)
plugins_storage_bdb_damage_test_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
plugins_storage_bdb_damage_test_LDADD = $(CONFORMANCE_LIBS)
TESTS += plugins/storage/bdb/faults-test plugins/storage/bdb/damage-test
endif
EXTRA_DIST += plugins/storage/bdb/README.md
