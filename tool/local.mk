# SPDX-License-Identifier: MIT
# tool/local.mk — runnel, the command line.
# May touch: the build folder.
EXTRA_DIST += tool/README.md
bin_PROGRAMS += runnel
runnel_SOURCES = \
  tool/tool.h tool/batch.h tool/runnel.c tool/commands.c tool/args.c tool/help.c tool/output.c tool/text.c \
  tool/table.c tool/progress.c tool/node.c tool/answer.c tool/resolve.c tool/csv.c tool/range.c tool/print.c tool/braille.c \
  tool/plot.c tool/archive.h tool/archive.c tool/backup.c tool/reload.c tool/restore.c tool/drop.c tool/history.c tool/identity.c tool/streams.c tool/verify.c \
  tool/inspect.c tool/batch.c tool/publish.c tool/import.c \
  tool/rows.h tool/rows.c tool/spool.c tool/write.c
runnel_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS) $(CRYPTO_CFLAGS)
runnel_LDADD = librunnel.la librunnel-base.la $(LIBEVENT_LIBS) $(CRYPTO_LIBS) -lm
