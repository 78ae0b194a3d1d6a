# SPDX-License-Identifier: MIT
# tests/sim/local.mk — the tests that run in a simulated world.
# May touch: the build folder.
SIM_TESTS = tests/sim/links tests/sim/history
check_PROGRAMS += $(SIM_TESTS)
TESTS += $(SIM_TESTS)
tests_sim_links_SOURCES = tests/sim/links.c tests/unit/check.h
tests_sim_links_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_sim_links_LDADD = $(SIM_LINK_LIBS) $(CMOCKA_LIBS)
tests_sim_history_SOURCES = tests/sim/history.c tests/unit/check.h
tests_sim_history_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_sim_history_LDADD = $(SIM_LIBS) $(CMOCKA_LIBS)
