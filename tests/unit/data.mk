# SPDX-License-Identifier: MIT
# tests/unit/data.mk — the unit and property tests of core/data.
# May touch: the build folder.
DATA_TESTS = tests/unit/data-tree tests/unit/data-head tests/unit/data-frame
check_PROGRAMS += $(DATA_TESTS)
TESTS += $(DATA_TESTS)
DATA_TEST_LIBS = libdata.la librunnel-base.la $(CMOCKA_LIBS)
tests_unit_data_tree_SOURCES = tests/unit/data-tree.c tests/unit/check.h tests/unit/naive.h
tests_unit_data_tree_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_data_tree_LDADD = $(DATA_TEST_LIBS)
tests_unit_data_head_SOURCES = tests/unit/data-head.c tests/unit/check.h
tests_unit_data_head_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_data_head_LDADD = $(DATA_TEST_LIBS)
tests_unit_data_frame_SOURCES = tests/unit/data-frame.c tests/unit/check.h
tests_unit_data_frame_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_data_frame_LDADD = $(DATA_TEST_LIBS)
