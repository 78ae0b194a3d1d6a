# SPDX-License-Identifier: MIT
# plugins/storage/bdb/local.mk — the plugin and the tests that are for it alone.
# May touch: the build folder; on install $(plugindir).
if BUILD_BDB
plugin_LTLIBRARIES += plugins/storage/bdb/storage-bdb.la
plugins_storage_bdb_storage_bdb_la_SOURCES = plugins/storage/bdb/bdb.h plugins/storage/bdb/env.c \
  plugins/storage/bdb/commit.c plugins/storage/bdb/read.c plugins/storage/bdb/plugin.c
plugins_storage_bdb_storage_bdb_la_LDFLAGS = $(PLUGIN_LINK)
plugins_storage_bdb_storage_bdb_la_LIBADD = librunnel-base.la $(BDB_LIBS)
endif
EXTRA_DIST += plugins/storage/bdb/README.md
