# SPDX-License-Identifier: MIT
# examples/local.mk — what this folder adds to the build: data to try things with.
EXTRA_DIST += examples/plugin/same.c
EXTRA_DIST += examples/data/README.md examples/data/co2-concentration.csv examples/data/seattle-weather.csv
