# SPDX-License-Identifier: MIT
# plugins/transport/tcp/local.mk — what this folder adds to the build.
# May touch: the build folder.
plugin_LTLIBRARIES += plugins/transport/tcp/transport-tcp.la
plugins_transport_tcp_transport_tcp_la_SOURCES = \
  plugins/transport/tcp/tcp.c plugins/transport/tcp/address.h plugins/transport/tcp/address.c
plugins_transport_tcp_transport_tcp_la_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS)
plugins_transport_tcp_transport_tcp_la_LDFLAGS = $(PLUGIN_LINK)
plugins_transport_tcp_transport_tcp_la_LIBADD = $(TRANSPORT_LIBS)
EXTRA_DIST += plugins/transport/tcp/README.md
