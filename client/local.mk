# SPDX-License-Identifier: MIT
# client/local.mk — librunnel, the client library.
# May touch: the build folder; on install the prefix.
EXTRA_DIST += client/README.md
lib_LTLIBRARIES += librunnel.la
runnelinclude_HEADERS += include/runnel/client.h include/runnel/easy.h include/runnel/runnel.h
librunnel_la_SOURCES = \
  client/client.h client/address.c client/link.c client/life.c client/session.c client/backoff.h client/backoff.c \
  client/retry.c client/request.c client/publish.c client/outlet.c client/follow.c client/reading.c client/stream.c \
  client/easy.h client/easy.c client/easyfollow.c
librunnel_la_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS)
librunnel_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined -export-symbols-regex '^runnel_'
librunnel_la_LIBADD = libdata.la $(BASE_LIBS) $(CRYPTO_LIBS) $(LIBEVENT_LIBS)
pkgconfig_DATA += client/librunnel.pc
EXTRA_DIST += client/librunnel.pc.in
