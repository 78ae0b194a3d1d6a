# SPDX-License-Identifier: MIT
# core/node/local.mk — the core: reads bytes it is handed, never the world.
# May touch: the build folder.
noinst_LTLIBRARIES += libnode.la
libnode_la_SOURCES = \
  core/node/env.h \
  core/node/inst.c core/node/inst.h \
  core/node/kind.c \
  core/node/loop.c core/node/loop.h \
  core/node/near.c core/node/near.h \
  core/node/node.h
