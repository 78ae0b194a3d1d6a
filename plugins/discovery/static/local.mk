# SPDX-License-Identifier: MIT
# plugins/discovery/static/local.mk — what this folder adds to the build.
plugin_LTLIBRARIES += plugins/discovery/static/discovery-static.la
plugins_discovery_static_discovery_static_la_SOURCES = \
  plugins/discovery/static/static.c plugins/discovery/static/peers.h plugins/discovery/static/peers.c
plugins_discovery_static_discovery_static_la_LDFLAGS = $(PLUGIN_LINK)
plugins_discovery_static_discovery_static_la_LIBADD = $(BASE_LIBS)
EXTRA_DIST += plugins/discovery/static/README.md

check_PROGRAMS += plugins/discovery/static/static-test
plugins_discovery_static_static_test_SOURCES = plugins/discovery/static/static_test.c
plugins_discovery_static_static_test_CPPFLAGS = $(CONFORMANCE_CPPFLAGS)
plugins_discovery_static_static_test_LDADD = $(CONFORMANCE_LIBS)
TESTS += plugins/discovery/static/static-test
