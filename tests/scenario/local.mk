# SPDX-License-Identifier: MIT
# tests/scenario/local.mk — whole daemons on this machine.
# May touch: the build folder, temporary folders, loopback ports.
DAEMON_SCENARIOS = tests/scenario/daemon.py tests/scenario/manual.py
TESTS += $(DAEMON_SCENARIOS)
EXTRA_DIST += $(DAEMON_SCENARIOS) tests/scenario/tap.py
tests/scenario/daemon.log tests/scenario/manual.log: runneld $(plugin_LTLIBRARIES) $(FAKE_PLUGINS)

# Plugins of other times, for the loader.
FAKE_PLUGINS = \
  tests/scenario/fake-major.la \
  tests/scenario/fake-minor.la \
  tests/scenario/fake-newer.la \
  tests/scenario/fake-older.la \
  tests/scenario/fake-tiny.la \
  tests/scenario/fake-nothing.la
check_LTLIBRARIES += $(FAKE_PLUGINS)
FAKE_LINK = $(AM_LDFLAGS) -module -avoid-version -shared -no-undefined -rpath $(abs_builddir)
FAKE_CPPFLAGS = -I$(top_srcdir)/include
tests_scenario_fake_major_la_SOURCES = tests/scenario/fake.c
tests_scenario_fake_major_la_CPPFLAGS = $(FAKE_CPPFLAGS) -DFAKE_NAME='"major"' -DFAKE_MAJOR=7 -DFAKE_MINOR=3
tests_scenario_fake_major_la_LDFLAGS = $(FAKE_LINK)
tests_scenario_fake_minor_la_SOURCES = tests/scenario/fake.c
tests_scenario_fake_minor_la_CPPFLAGS = $(FAKE_CPPFLAGS) -DFAKE_NAME='"minor"' -DFAKE_MINOR=9
tests_scenario_fake_minor_la_LDFLAGS = $(FAKE_LINK)
tests_scenario_fake_newer_la_SOURCES = tests/scenario/fake.c
tests_scenario_fake_newer_la_CPPFLAGS = $(FAKE_CPPFLAGS) -DFAKE_NAME='"newer"' -DFAKE_SIZE='sizeof(struct newer)'
tests_scenario_fake_newer_la_LDFLAGS = $(FAKE_LINK)
tests_scenario_fake_older_la_SOURCES = tests/scenario/fake.c
tests_scenario_fake_older_la_CPPFLAGS = $(FAKE_CPPFLAGS) -DFAKE_NAME='"older"' -DFAKE_KIND=RUNNEL_SERVICE -DFAKE_SIZE='offsetof(struct runnel_plugin, ops)'
tests_scenario_fake_older_la_LDFLAGS = $(FAKE_LINK)
tests_scenario_fake_tiny_la_SOURCES = tests/scenario/fake.c
tests_scenario_fake_tiny_la_CPPFLAGS = $(FAKE_CPPFLAGS) -DFAKE_NAME='"tiny"' -DFAKE_SIZE=12
tests_scenario_fake_tiny_la_LDFLAGS = $(FAKE_LINK)
tests_scenario_fake_nothing_la_SOURCES = tests/scenario/fake.c
tests_scenario_fake_nothing_la_CPPFLAGS = $(FAKE_CPPFLAGS) -DFAKE_NAME='"nothing"' -DFAKE_NOTHING
tests_scenario_fake_nothing_la_LDFLAGS = $(FAKE_LINK)

# Signals that come early, and late; engines that do not answer.
SILENT_PLUGINS = tests/scenario/fake-silent.la tests/scenario/fake-stuck.la
check_LTLIBRARIES += $(SILENT_PLUGINS)
tests_scenario_fake_silent_la_SOURCES = tests/scenario/silent.c
tests_scenario_fake_silent_la_CPPFLAGS = $(FAKE_CPPFLAGS) -DFAKE_NAME='"silent"'
tests_scenario_fake_silent_la_LDFLAGS = $(FAKE_LINK)
tests_scenario_fake_stuck_la_SOURCES = tests/scenario/silent.c
tests_scenario_fake_stuck_la_CPPFLAGS = $(FAKE_CPPFLAGS) -DFAKE_NAME='"stuck"' -DSILENT_STOP
tests_scenario_fake_stuck_la_LDFLAGS = $(FAKE_LINK)
TESTS += tests/scenario/signals.py
EXTRA_DIST += tests/scenario/signals.py
tests/scenario/signals.log: runneld runnel $(plugin_LTLIBRARIES) $(SILENT_PLUGINS)

# The end, another config, and what the service manager is told.
LIFE_SCENARIOS = tests/scenario/drain.py tests/scenario/notify.py tests/scenario/reload.py
TESTS += $(LIFE_SCENARIOS)
EXTRA_DIST += $(LIFE_SCENARIOS)
tests/scenario/drain.log tests/scenario/notify.log tests/scenario/reload.log: runneld runnel $(plugin_LTLIBRARIES) etc/runneld.service

# The tool, and its manual.
TOOL_SCENARIOS = tests/scenario/tool-fake.py tests/scenario/tool-manual.py tests/scenario/tool.py
TESTS += $(TOOL_SCENARIOS)
EXTRA_DIST += $(TOOL_SCENARIOS) tests/scenario/fakenode.py
tests/scenario/tool-fake.log tests/scenario/tool-manual.log: runnel
tests/scenario/tool.log: runnel runneld $(plugin_LTLIBRARIES)

# The plugin of the author's guide.
TESTS += tests/scenario/plugin.py
EXTRA_DIST += tests/scenario/plugin.py
tests/scenario/plugin.log: runneld runnel $(plugin_LTLIBRARIES)

# Two nodes, and the script that shows them.
PAIR_SCENARIOS = tests/scenario/author.py tests/scenario/backup.py tests/scenario/drop.py tests/scenario/exchange.py \
  tests/scenario/lateleaves.py tests/scenario/quickstart.py
TESTS += $(PAIR_SCENARIOS)
EXTRA_DIST += $(PAIR_SCENARIOS) tests/scenario/pair.py tests/scenario/program.py
tests/scenario/author.log tests/scenario/backup.log tests/scenario/drop.log tests/scenario/exchange.log \
  tests/scenario/lateleaves.log tests/scenario/quickstart.log: runneld runnel $(plugin_LTLIBRARIES)

# CSV in and out, killed anywhere.
TESTS += tests/scenario/import.py
EXTRA_DIST += tests/scenario/import.py
tests/scenario/import.log: runneld runnel $(plugin_LTLIBRARIES)

# The protocol by hand, against daemons.
WIRE_SCENARIOS = tests/scenario/hostile.py tests/scenario/readers.py
TESTS += $(WIRE_SCENARIOS)
EXTRA_DIST += $(WIRE_SCENARIOS) tests/scenario/wire.py
tests/scenario/hostile.log tests/scenario/readers.log: runneld runnel $(plugin_LTLIBRARIES)

# A small disk that is full, one that spoils the store, one that alters what it keeps; the benchmarks themselves.
if BUILD_BDB
TESTS += tests/scenario/full.py tests/scenario/storefails.py tests/scenario/damage.py tests/scenario/bench.py
endif
EXTRA_DIST += tests/scenario/full.py tests/scenario/storefails.py tests/scenario/damage.py tests/scenario/bench.py
EXTRA_DIST += tests/scenario/spreaders.py
tests/scenario/full.log tests/scenario/storefails.log: runneld runnel $(plugin_LTLIBRARIES)
tests/scenario/damage.log: runneld runnel $(plugin_LTLIBRARIES)
tests/scenario/bench.log: runneld runnel $(plugin_LTLIBRARIES) bench/load/load

# librunnel at real daemons.
LIBRUNNEL_USERS = tests/scenario/client-load examples/c/publisher examples/c/follower
check_PROGRAMS += $(LIBRUNNEL_USERS)
tests_scenario_client_load_SOURCES = tests/scenario/client-load.c
tests_scenario_client_load_CPPFLAGS = -I$(top_srcdir)/include $(LIBEVENT_CFLAGS)
tests_scenario_client_load_LDADD = librunnel.la $(LIBEVENT_LIBS)
TESTS += tests/scenario/client.py
EXTRA_DIST += tests/scenario/client.py tests/scenario/client-threads.c
tests/scenario/client.log: runneld runnel $(plugin_LTLIBRARIES) $(LIBRUNNEL_USERS) tests/scenario/client-threads

# All of the library compiled anew for ThreadSanitizer, which goes with no other sanitizer.
tests/scenario/client-threads: $(srcdir)/tests/scenario/client-threads.c librunnel.la
	$(AM_V_CC)$(CC) -std=c11 $(DEFS) $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS) $(YAJL_CFLAGS) $(SODIUM_CFLAGS) $(CRYPTO_CFLAGS) \
	  -g -O1 -fsanitize=thread -fPIE -pie -o $@ $(srcdir)/tests/scenario/client-threads.c \
	  $(srcdir)/client/*.c $(srcdir)/core/base/*.c $(srcdir)/core/data/*.c \
	  $(LIBEVENT_LIBS) $(YAJL_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) -lpthread
CLEANFILES += tests/scenario/client-threads
