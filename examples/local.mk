# SPDX-License-Identifier: MIT
# examples/local.mk — what this folder adds to the build: data to try things with.
# May touch: the build folder.
EXTRA_DIST += examples/README.md
EXTRA_DIST += examples/plugin/same.c examples/plugin/abstract.c
EXTRA_DIST += examples/data/README.md examples/data/co2-concentration.csv examples/data/seattle-weather.csv
# The programs of examples/c are built and run by tests/scenario/client.py.
examples_c_publisher_SOURCES = examples/c/publisher.c
examples_c_publisher_CPPFLAGS = -I$(top_srcdir)/include
examples_c_publisher_LDADD = librunnel.la
examples_c_follower_SOURCES = examples/c/follower.c
examples_c_follower_CPPFLAGS = -I$(top_srcdir)/include
examples_c_follower_LDADD = librunnel.la
