# SPDX-License-Identifier: MIT
# core/data/local.mk — the formats: descriptor, block, tree, proof, head, frame.
# May touch: the build folder.
EXTRA_DIST += core/data/README.md
noinst_LTLIBRARIES += libdata.la
libdata_la_SOURCES = \
  core/data/limits.h core/data/hash.h core/data/hash.c core/data/sign.h core/data/sign.c \
  core/data/tree.h core/data/tree.c core/data/block.h core/data/block.c core/data/tail.h core/data/tail.c \
  core/data/head.h core/data/head.c core/data/proof.h core/data/proof.c core/data/frame.h core/data/frame.c \
  core/data/descriptor.h core/data/descriptor.c core/data/canonical.c core/data/streamid.c
libdata_la_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS) $(SODIUM_CFLAGS)
libdata_la_LIBADD = librunnel-base.la $(CRYPTO_LIBS) $(SODIUM_LIBS)
