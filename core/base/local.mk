# SPDX-License-Identifier: MIT
# core/base/local.mk — the pure tools; also an installed static library for plugin authors.
# May touch: the build folder; on install the prefix.
EXTRA_DIST += core/base/README.md
lib_LTLIBRARIES += librunnel-base.la
basehdrdir = $(includedir)/runnel/base
basehdr_HEADERS = \
  core/base/err.h core/base/buf.h core/base/leb128.h core/base/list.h core/base/map.h core/base/heap.h \
  core/base/utf8.h core/base/json.h core/base/log.h core/base/time.h core/base/changes.h \
  core/base/request.h core/base/base64.h core/base/ids.h core/base/chunks.h
librunnel_base_la_SOURCES = \
  core/base/err.c core/base/buf.c core/base/leb128.c core/base/map.c core/base/heap.c core/base/utf8.c \
  core/base/arena.c core/base/arena.h core/base/json.c core/base/jsonget.c core/base/jsontext.c core/base/jsontext.h \
  core/base/jsonwrite.c core/base/log.c core/base/number.c core/base/number.h core/base/plain.c \
  core/base/plain.h core/base/quantity.c \
  core/base/quantity.h core/base/time.c core/base/value.c \
  core/base/changes.c core/base/request.c core/base/base64.c core/base/ids.c core/base/chunks.c
librunnel_base_la_CPPFLAGS = $(AM_CPPFLAGS) $(YAJL_CFLAGS) $(SODIUM_CFLAGS)
librunnel_base_la_LDFLAGS = $(AM_LDFLAGS) -static
librunnel_base_la_LIBADD = $(YAJL_LIBS) $(SODIUM_LIBS)
# What a plugin names in its LIBADD: a shared object does not inherit what a static library needs, and
# would lack yajl and libsodium at run time.
BASE_LIBS = librunnel-base.la $(YAJL_LIBS) $(SODIUM_LIBS)
pkgconfig_DATA += core/base/runnel-base.pc
