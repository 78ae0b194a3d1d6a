# SPDX-License-Identifier: MIT
# plugins/discovery/static/local.mk — what this folder adds to the build.
# May touch: the build folder.
plugin_LTLIBRARIES += plugins/discovery/static/discovery-static.la
plugins_discovery_static_discovery_static_la_SOURCES = \
  plugins/discovery/static/static.c plugins/discovery/static/peers.h plugins/discovery/static/peers.c
plugins_discovery_static_discovery_static_la_LDFLAGS = $(PLUGIN_LINK)
plugins_discovery_static_discovery_static_la_LIBADD = librunnel-base.la
EXTRA_DIST += plugins/discovery/static/README.md
