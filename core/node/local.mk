# SPDX-License-Identifier: MIT
# core/node/local.mk — the core: reads bytes it is handed, never the world.
# May touch: the build folder.
noinst_LTLIBRARIES += libnode.la
libnode_la_SOURCES = \
  core/node/conf.c core/node/conf.h \
  core/node/conf_node.c \
  core/node/conf_sections.c \
  core/node/conf_streams.c \
  core/node/conf_texts.c core/node/conf_texts.h \
  core/node/describe.c \
  core/node/env.h \
  core/node/fill.c core/node/fill.h \
  core/node/inst.c core/node/inst.h \
  core/node/kind.c \
  core/node/loop.c core/node/loop.h \
  core/node/near.c core/node/near.h \
  core/node/node.h \
  core/node/option.c core/node/option.h \
  core/node/registry.c core/node/registry.h
