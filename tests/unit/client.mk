# SPDX-License-Identifier: MIT
# tests/unit/client.mk — the unit tests of librunnel, against a node that says what it is told to.
# May touch: the build folder.
CLIENT_TESTS = tests/unit/client-session tests/unit/client-publish tests/unit/client-follow \
  tests/unit/client-retry tests/unit/client-easy tests/unit/client-placing
check_PROGRAMS += $(CLIENT_TESTS)
TESTS += $(CLIENT_TESTS)
CLIENT_TEST_CPPFLAGS = $(UNIT_CPPFLAGS) $(LIBEVENT_CFLAGS)
CLIENT_TEST_LIBS = librunnel.la libdata.la librunnel-base.la $(LIBEVENT_LIBS) $(CMOCKA_LIBS)
CLIENT_PEER = tests/unit/peer.h tests/unit/peer.c tests/unit/check.h
tests_unit_client_session_SOURCES = tests/unit/client-session.c $(CLIENT_PEER)
tests_unit_client_session_CPPFLAGS = $(CLIENT_TEST_CPPFLAGS)
tests_unit_client_session_LDADD = $(CLIENT_TEST_LIBS)
tests_unit_client_publish_SOURCES = tests/unit/client-publish.c $(CLIENT_PEER)
tests_unit_client_publish_CPPFLAGS = $(CLIENT_TEST_CPPFLAGS)
tests_unit_client_publish_LDADD = $(CLIENT_TEST_LIBS)
tests_unit_client_follow_SOURCES = tests/unit/client-follow.c $(CLIENT_PEER)
tests_unit_client_follow_CPPFLAGS = $(CLIENT_TEST_CPPFLAGS)
tests_unit_client_follow_LDADD = $(CLIENT_TEST_LIBS)
tests_unit_client_retry_SOURCES = tests/unit/client-retry.c tests/unit/model.h tests/unit/model.c client/backoff.h \
  client/backoff.c $(CLIENT_PEER)
tests_unit_client_retry_CPPFLAGS = $(CLIENT_TEST_CPPFLAGS)
tests_unit_client_retry_LDADD = $(CLIENT_TEST_LIBS)
tests_unit_client_easy_SOURCES = tests/unit/client-easy.c $(CLIENT_PEER)
tests_unit_client_easy_CPPFLAGS = $(CLIENT_TEST_CPPFLAGS)
tests_unit_client_easy_CFLAGS = $(AM_CFLAGS) -pthread
tests_unit_client_easy_LDADD = $(CLIENT_TEST_LIBS)
tests_unit_client_placing_SOURCES = tests/unit/client-placing.c tests/unit/model.h tests/unit/model.c $(CLIENT_PEER)
tests_unit_client_placing_CPPFLAGS = $(CLIENT_TEST_CPPFLAGS)
tests_unit_client_placing_LDADD = $(CLIENT_TEST_LIBS)
