# SPDX-License-Identifier: MIT
# tests/unit/node.mk — the unit tests of core/node.
# May touch: the build folder.
NODE_TESTS = \
  tests/unit/node-backoff \
  tests/unit/node-conf \
  tests/unit/node-inst \
  tests/unit/node-loop \
  tests/unit/node-registry \
  tests/unit/node-ripe \
  tests/unit/node-store
check_PROGRAMS += $(NODE_TESTS)
TESTS += $(NODE_TESTS)
NODE_TEST_LIBS = libnode.la libdata.la librunnel-base.la $(CMOCKA_LIBS)
tests_unit_node_backoff_SOURCES = tests/unit/node-backoff.c tests/unit/check.h
tests_unit_node_backoff_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_node_backoff_LDADD = $(NODE_TEST_LIBS)
tests_unit_node_conf_SOURCES = \
  tests/unit/node-conf.c tests/unit/plugins.c tests/unit/plugins.h tests/unit/check.h
tests_unit_node_conf_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_node_conf_LDADD = $(NODE_TEST_LIBS)
EXTRA_DIST += tests/unit/conf-faults.txt
tests_unit_node_inst_SOURCES = tests/unit/node-inst.c tests/unit/check.h tests/unit/env.h
tests_unit_node_inst_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_node_inst_LDADD = $(NODE_TEST_LIBS)
tests_unit_node_ripe_SOURCES = tests/unit/node-ripe.c tests/unit/check.h
tests_unit_node_ripe_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_node_ripe_LDADD = $(NODE_TEST_LIBS)
tests_unit_node_store_SOURCES = tests/unit/node-store.c tests/unit/check.h
tests_unit_node_store_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_node_store_LDADD = $(NODE_TEST_LIBS)
tests_unit_node_loop_SOURCES = tests/unit/node-loop.c tests/unit/check.h tests/unit/env.h
tests_unit_node_loop_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_node_loop_LDADD = $(NODE_TEST_LIBS)
tests_unit_node_registry_SOURCES = \
  tests/unit/node-registry.c tests/unit/plugins.c tests/unit/plugins.h tests/unit/check.h
tests_unit_node_registry_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_node_registry_LDADD = $(NODE_TEST_LIBS)
