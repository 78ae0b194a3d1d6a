# SPDX-License-Identifier: MIT
# tests/unit/base.mk — the unit tests of core/base.
# May touch: the build folder.
BASE_TESTS = tests/unit/base-bytes tests/unit/base-order tests/unit/base-words tests/unit/base-value \
  tests/unit/base-json tests/unit/base-time tests/unit/base-memory tests/unit/base-ids
check_PROGRAMS += $(BASE_TESTS)
TESTS += $(BASE_TESTS)
# The house as a whole: headers that stand alone, arrows that point the right way, what each file and folder says of
# itself, and the words for things.
HOUSE_TESTS = tests/unit/headers.sh tests/unit/arrows.py tests/unit/house.py tests/unit/words.py
EXTRA_DIST += tests/unit/tree.py
TESTS += $(HOUSE_TESTS)
dist_check_SCRIPTS += $(HOUSE_TESTS)
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
tests_unit_base_ids_SOURCES = tests/unit/base-ids.c tests/unit/check.h
tests_unit_base_ids_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_ids_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_value_SOURCES = tests/unit/base-value.c tests/unit/check.h
tests_unit_base_value_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_value_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_json_SOURCES = tests/unit/base-json.c tests/unit/check.h
tests_unit_base_json_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_json_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_time_SOURCES = tests/unit/base-time.c tests/unit/check.h
tests_unit_base_time_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_time_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_memory_SOURCES = tests/unit/base-memory.c tests/unit/check.h
tests_unit_base_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_memory_LDADD = $(BASE_TEST_LIBS)
# Its own malloc, which fails when told to.
tests_unit_base_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc
