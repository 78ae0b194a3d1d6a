# SPDX-License-Identifier: MIT
# plugins/transport/unix/local.mk — what this folder adds to the build.
# May touch: the build folder.
plugin_LTLIBRARIES += plugins/transport/unix/transport-unix.la
plugins_transport_unix_transport_unix_la_SOURCES = \
  plugins/transport/unix/unix.c plugins/transport/unix/socketfile.h plugins/transport/unix/socketfile.c
plugins_transport_unix_transport_unix_la_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS)
plugins_transport_unix_transport_unix_la_LDFLAGS = $(PLUGIN_LINK)
plugins_transport_unix_transport_unix_la_LIBADD = $(TRANSPORT_LIBS)
EXTRA_DIST += plugins/transport/unix/README.md
