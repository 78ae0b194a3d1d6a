# SPDX-License-Identifier: MIT
# plugins/transport/common/local.mk — what the transports over stream sockets share.
# May touch: the build folder.
EXTRA_DIST += plugins/transport/common/README.md
noinst_LTLIBRARIES += plugins/transport/common/libstreamfd.la
plugins_transport_common_libstreamfd_la_SOURCES = \
  plugins/transport/common/streamfd.h plugins/transport/common/streamfd.c \
  plugins/transport/common/streamfdstate.h plugins/transport/common/conn.c \
  plugins/transport/common/dial.c plugins/transport/common/accept.c
plugins_transport_common_libstreamfd_la_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS)
TRANSPORT_LIBS = plugins/transport/common/libstreamfd.la librunnel-base.la $(LIBEVENT_LIBS)
