# SPDX-License-Identifier: MIT
# tests/sim/local.mk — the tests that run in a simulated world.
# May touch: the build folder.
SIM_TESTS = tests/sim/links tests/sim/history tests/sim/checks tests/sim/converge tests/sim/restarts \
  tests/sim/hostile tests/sim/providers tests/sim/hundred \
  tests/sim/paths tests/sim/audits
check_PROGRAMS += $(SIM_TESTS)
TESTS += $(SIM_TESTS)
EXTRA_DIST += tests/sim/run
tests_sim_links_SOURCES = tests/sim/links.c tests/unit/check.h
tests_sim_links_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_sim_links_LDADD = $(SIM_LINK_LIBS) $(CMOCKA_LIBS)
tests_sim_history_SOURCES = tests/sim/history.c tests/unit/check.h
tests_sim_history_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_sim_history_LDADD = $(SIM_LIBS) $(CMOCKA_LIBS)
tests_sim_checks_SOURCES = tests/sim/checks.c tests/unit/check.h
tests_sim_checks_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_sim_checks_LDADD = $(SIM_LIBS) $(CMOCKA_LIBS)
tests_sim_converge_SOURCES = tests/sim/converge.c tests/sim/town.h tests/sim/town.c tests/unit/check.h
tests_sim_converge_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_sim_converge_LDADD = $(SIM_LIBS) $(CMOCKA_LIBS)
tests_sim_restarts_SOURCES = tests/sim/restarts.c tests/sim/town.h tests/sim/town.c tests/unit/check.h
tests_sim_restarts_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_sim_restarts_LDADD = $(SIM_LIBS) $(CMOCKA_LIBS)
tests_sim_hostile_SOURCES = tests/sim/hostile.c tests/sim/subscriber.h tests/sim/subscriber.c tests/unit/check.h
tests_sim_hostile_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_sim_hostile_LDADD = $(SIM_LIBS) $(CMOCKA_LIBS)
tests_sim_providers_SOURCES = tests/sim/providers.c tests/sim/subscriber.h tests/sim/subscriber.c tests/unit/check.h
tests_sim_providers_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_sim_providers_LDADD = $(SIM_LIBS) $(CMOCKA_LIBS)
tests_sim_hundred_SOURCES = tests/sim/hundred.c tests/sim/country.h tests/sim/country.c tests/sim/trials.h \
  tests/sim/trials.c tests/sim/promise.h tests/sim/promise.c tests/unit/check.h
tests_sim_hundred_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_sim_hundred_LDADD = $(SIM_LIBS) $(CMOCKA_LIBS)
tests_sim_paths_SOURCES = tests/sim/paths.c tests/unit/check.h
tests_sim_paths_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_sim_paths_LDADD = $(SIM_LIBS) $(CMOCKA_LIBS)
tests_sim_audits_SOURCES = tests/sim/audits.c tests/unit/check.h
tests_sim_audits_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_sim_audits_LDADD = $(SIM_LIBS) $(CMOCKA_LIBS)
