# SPDX-License-Identifier: MIT
# tests/unit/node.mk — the unit tests of core/node.
# May touch: the build folder.
NODE_TESTS = \
  tests/unit/node-inst \
  tests/unit/node-loop
check_PROGRAMS += $(NODE_TESTS)
TESTS += $(NODE_TESTS)
NODE_TEST_LIBS = libnode.la librunnel-base.la $(CMOCKA_LIBS)
tests_unit_node_inst_SOURCES = tests/unit/node-inst.c tests/unit/check.h tests/unit/env.h
tests_unit_node_inst_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_node_inst_LDADD = $(NODE_TEST_LIBS)
tests_unit_node_loop_SOURCES = tests/unit/node-loop.c tests/unit/check.h tests/unit/env.h
tests_unit_node_loop_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_node_loop_LDADD = $(NODE_TEST_LIBS)
