# SPDX-License-Identifier: MIT
# daemon/local.mk — runneld, and what it is made of, for its tests.
# May touch: the build folder.
EXTRA_DIST += daemon/README.md
DAEMON_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS) $(SODIUM_CFLAGS) \
  -DPLUGINDIR='"$(plugindir)"' -DCONFDIR='"$(sysconfdir)/runnel"'
noinst_LTLIBRARIES += libdaemon.la
libdaemon_la_SOURCES = \
  daemon/datadir.c daemon/datadir.h \
  daemon/env.c daemon/env.h \
  daemon/exits.h \
  daemon/files.c daemon/files.h \
  daemon/identity.c daemon/identity.h \
  daemon/info.c daemon/info.h \
  daemon/loader.c daemon/loader.h \
  daemon/marker.c daemon/marker.h \
  daemon/manager.c daemon/manager.h \
  daemon/notify.c daemon/notify.h \
  daemon/reread.c daemon/reread.h \
  daemon/openfiles.c daemon/openfiles.h \
  daemon/sink.c daemon/sink.h \
  daemon/sync.c daemon/sync.h
libdaemon_la_CPPFLAGS = $(DAEMON_CPPFLAGS)

sbin_PROGRAMS += runneld
runneld_SOURCES = daemon/main.c daemon/run.c daemon/run.h
runneld_CPPFLAGS = $(DAEMON_CPPFLAGS)
runneld_LDADD = libdaemon.la libnode.la libdata.la librunnel-base.la $(LIBEVENT_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) -lpthread
