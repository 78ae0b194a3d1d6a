# SPDX-License-Identifier: MIT
# tests/node/local.mk — tests of a whole node over its protocol, in a simulated world.
# May touch: the build folder.
check_LTLIBRARIES += libbed.la
libbed_la_SOURCES = tests/node/bed.h tests/node/bed.c tests/node/three.h tests/node/three.c tests/unit/check.h
libbed_la_CPPFLAGS = $(SIM_CPPFLAGS) $(CMOCKA_CFLAGS)
BED_LIBS = libbed.la $(SIM_LIBS) $(CMOCKA_LIBS)
BED_TESTS = \
  tests/node/session \
  tests/node/calls \
  tests/node/names \
  tests/node/peers \
  tests/node/quiet \
  tests/node/reload \
  tests/node/publish \
  tests/node/follow \
  tests/node/readers \
  tests/node/reads \
  tests/node/blocks \
  tests/node/methods \
  tests/node/create \
  tests/node/drop \
  tests/node/copies \
  tests/node/subscribe \
  tests/node/life \
  tests/node/damage \
  tests/node/mend \
  tests/node/author
check_PROGRAMS += $(BED_TESTS)
TESTS += $(BED_TESTS)
tests_node_session_SOURCES = tests/node/session.c
tests_node_session_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_session_LDADD = $(BED_LIBS)
tests_node_publish_SOURCES = tests/node/publish.c
tests_node_publish_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_publish_LDADD = $(BED_LIBS)
tests_node_follow_SOURCES = tests/node/follow.c
tests_node_follow_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_follow_LDADD = $(BED_LIBS)
tests_node_readers_SOURCES = tests/node/readers.c
tests_node_readers_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_readers_LDADD = $(BED_LIBS)
tests_node_blocks_SOURCES = tests/node/blocks.c
tests_node_blocks_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_blocks_LDADD = $(BED_LIBS)
tests_node_reads_SOURCES = tests/node/reads.c
tests_node_reads_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_reads_LDADD = $(BED_LIBS)
tests_node_methods_SOURCES = tests/node/methods.c
tests_node_methods_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_methods_LDADD = $(BED_LIBS)
tests_node_create_SOURCES = tests/node/create.c
tests_node_create_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_create_LDADD = $(BED_LIBS)
tests_node_subscribe_SOURCES = tests/node/subscribe.c
tests_node_subscribe_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_subscribe_LDADD = $(BED_LIBS)
tests_node_life_SOURCES = tests/node/life.c
tests_node_life_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_life_LDADD = $(BED_LIBS)
tests_node_damage_SOURCES = tests/node/damage.c
tests_node_damage_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_damage_LDADD = $(BED_LIBS)
tests_node_mend_SOURCES = tests/node/mend.c
tests_node_mend_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_mend_LDADD = $(BED_LIBS)
tests_node_drop_SOURCES = tests/node/drop.c
tests_node_drop_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_drop_LDADD = $(BED_LIBS)
tests_node_author_SOURCES = tests/node/author.c
tests_node_author_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_author_LDADD = $(BED_LIBS)
tests_node_calls_SOURCES = tests/node/calls.c
tests_node_calls_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_calls_LDADD = $(BED_LIBS)
tests_node_copies_SOURCES = tests/node/copies.c
tests_node_copies_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_copies_LDADD = $(BED_LIBS)
tests_node_peers_SOURCES = tests/node/peers.c
tests_node_peers_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_peers_LDADD = $(BED_LIBS)
tests_node_names_SOURCES = tests/node/names.c
tests_node_names_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_names_LDADD = $(BED_LIBS)
tests_node_quiet_SOURCES = tests/node/quiet.c
tests_node_quiet_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_quiet_LDADD = $(BED_LIBS)
tests_node_reload_SOURCES = tests/node/reload.c
tests_node_reload_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_node_reload_LDADD = $(BED_LIBS)
