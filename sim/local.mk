# SPDX-License-Identifier: MIT
# sim/local.mk — the simulated world, linked into the tests that run nodes in it.
# May touch: the build folder.
EXTRA_DIST += sim/README.md
check_LTLIBRARIES += libsim.la libsimlinks.la libsimstatic.la libsimincremental.la
SIM_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS) $(SODIUM_CFLAGS) $(YAJL_CFLAGS)

# The world, its links and disks: what can be tested without a node.
libsimlinks_la_SOURCES = \
  sim/rand.h sim/rand.c sim/world.h sim/world.c sim/link.h sim/link.c sim/transport.h sim/transport.c \
  sim/disk.h sim/disk.c
libsimlinks_la_CPPFLAGS = $(SIM_CPPFLAGS)

# Shipped plugins, linked in: each calls its one symbol the same, so here it gets another name.
libsimstatic_la_SOURCES = \
  plugins/discovery/static/static.c plugins/discovery/static/peers.h plugins/discovery/static/peers.c
libsimstatic_la_CPPFLAGS = $(AM_CPPFLAGS) -Drunnel_plugin=sim_builtin_static
libsimincremental_la_SOURCES = plugins/sync/incremental/incremental.c
libsimincremental_la_CPPFLAGS = $(AM_CPPFLAGS) -Drunnel_plugin=sim_builtin_incremental

# Nodes, programs and checkers.
libsim_la_SOURCES = \
  sim/builtin.h sim/simnode.h sim/simnode.c sim/check.h sim/check.c sim/talk.h sim/talk.c sim/program.h sim/program.c \
  sim/publisher.h sim/publisher.c sim/reader.h sim/reader.c sim/author.h sim/author.c \
  sim/peer.h sim/peer.c sim/audit.h sim/audit.c sim/tap.h sim/tap.c sim/bounds.h sim/bounds.c
libsim_la_CPPFLAGS = $(SIM_CPPFLAGS)

# What a test links, in this order.
SIM_LINK_LIBS = libsimlinks.la plugins/storage/memory/libmemengine.la libnode.la libdata.la librunnel-base.la
SIM_LIBS = libsim.la libsimstatic.la libsimincremental.la $(SIM_LINK_LIBS)
