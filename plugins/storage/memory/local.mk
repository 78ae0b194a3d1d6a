# SPDX-License-Identifier: MIT
# plugins/storage/memory/local.mk — the plugin, its engine (also for the simulator) and the engine's test.
# May touch: the build folder; on install $(plugindir).
noinst_LTLIBRARIES += plugins/storage/memory/libmemengine.la
plugins_storage_memory_libmemengine_la_SOURCES = plugins/storage/memory/engine.h plugins/storage/memory/engine.c

plugin_LTLIBRARIES += plugins/storage/memory/storage-memory.la
plugins_storage_memory_storage_memory_la_SOURCES = plugins/storage/memory/plugin.c
plugins_storage_memory_storage_memory_la_LDFLAGS = $(PLUGIN_LINK)
plugins_storage_memory_storage_memory_la_LIBADD = plugins/storage/memory/libmemengine.la librunnel-base.la

check_PROGRAMS += plugins/storage/memory/engine-test
plugins_storage_memory_engine_test_SOURCES = plugins/storage/memory/engine_test.c
plugins_storage_memory_engine_test_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
plugins_storage_memory_engine_test_LDADD = plugins/storage/memory/libmemengine.la librunnel-base.la $(CMOCKA_LIBS)
TESTS += plugins/storage/memory/engine-test
EXTRA_DIST += plugins/storage/memory/README.md
