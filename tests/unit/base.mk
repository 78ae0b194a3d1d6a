# SPDX-License-Identifier: MIT
# tests/unit/base.mk — the unit tests of core/base.
# May touch: the build folder.
BASE_TESTS = tests/unit/base-bytes tests/unit/base-order tests/unit/base-words
check_PROGRAMS += $(BASE_TESTS)
TESTS += $(BASE_TESTS)
BASE_TEST_LIBS = librunnel-base.la $(CMOCKA_LIBS)
tests_unit_base_bytes_SOURCES = tests/unit/base-bytes.c tests/unit/check.h
tests_unit_base_bytes_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_bytes_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_order_SOURCES = tests/unit/base-order.c tests/unit/check.h
tests_unit_base_order_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_order_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_words_SOURCES = tests/unit/base-words.c tests/unit/check.h
tests_unit_base_words_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_words_LDADD = $(BASE_TEST_LIBS)
