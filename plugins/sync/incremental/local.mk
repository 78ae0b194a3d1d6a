# SPDX-License-Identifier: MIT
# plugins/sync/incremental/local.mk — what this folder adds to the build.
# May touch: the build folder.
plugin_LTLIBRARIES += plugins/sync/incremental/sync-incremental.la
plugins_sync_incremental_sync_incremental_la_SOURCES = plugins/sync/incremental/incremental.c
plugins_sync_incremental_sync_incremental_la_LDFLAGS = $(PLUGIN_LINK)
EXTRA_DIST += plugins/sync/incremental/README.md

check_PROGRAMS += plugins/sync/incremental/incremental-test
plugins_sync_incremental_incremental_test_SOURCES = plugins/sync/incremental/incremental_test.c
plugins_sync_incremental_incremental_test_CPPFLAGS = $(CONFORMANCE_CPPFLAGS)
plugins_sync_incremental_incremental_test_LDADD = $(CONFORMANCE_LIBS)
TESTS += plugins/sync/incremental/incremental-test
