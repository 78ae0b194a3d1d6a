# SPDX-License-Identifier: MIT
# plugins/sync/incremental/local.mk — what this folder adds to the build.
plugin_LTLIBRARIES += plugins/sync/incremental/sync-incremental.la
plugins_sync_incremental_sync_incremental_la_SOURCES = plugins/sync/incremental/incremental.c
plugins_sync_incremental_sync_incremental_la_LDFLAGS = $(PLUGIN_LINK)
EXTRA_DIST += plugins/sync/incremental/README.md
