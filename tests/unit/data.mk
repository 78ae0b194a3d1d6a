# SPDX-License-Identifier: MIT
# tests/unit/data.mk — the unit and property tests of core/data.
# May touch: the build folder.
DATA_TESTS = \
  tests/unit/data-tree tests/unit/data-head tests/unit/data-frame tests/unit/data-block tests/unit/data-tail \
  tests/unit/data-proof tests/unit/data-descriptor tests/unit/data-vectors
check_PROGRAMS += $(DATA_TESTS)
TESTS += $(DATA_TESTS)

# The formats a second time, in Python, with the vectors that both compute.
dist_check_SCRIPTS += tests/vectors/check.py
TESTS += tests/vectors/check.py
EXTRA_DIST += \
  tests/vectors/leb128.txt tests/vectors/descriptor.txt tests/vectors/block.txt tests/vectors/tree.txt \
  tests/vectors/proof.txt tests/vectors/head.txt tests/vectors/frame.txt

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
tests_unit_data_block_SOURCES = tests/unit/data-block.c tests/unit/check.h
tests_unit_data_block_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_data_block_LDADD = $(DATA_TEST_LIBS)
tests_unit_data_tail_SOURCES = tests/unit/data-tail.c tests/unit/check.h tests/unit/naive.h tests/unit/history.h
tests_unit_data_tail_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_data_tail_LDADD = $(DATA_TEST_LIBS)
tests_unit_data_proof_SOURCES = tests/unit/data-proof.c tests/unit/check.h tests/unit/naive.h tests/unit/history.h
tests_unit_data_proof_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_data_proof_LDADD = $(DATA_TEST_LIBS)
tests_unit_data_descriptor_SOURCES = tests/unit/data-descriptor.c tests/unit/check.h
tests_unit_data_descriptor_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_data_descriptor_LDADD = $(DATA_TEST_LIBS)
tests_unit_data_vectors_SOURCES = tests/unit/data-vectors.c tests/unit/check.h tests/unit/naive.h
tests_unit_data_vectors_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_data_vectors_LDADD = $(DATA_TEST_LIBS)
