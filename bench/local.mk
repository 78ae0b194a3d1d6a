# SPDX-License-Identifier: MIT
# bench/local.mk — the load driver of the benchmarks; always built, so that it always compiles.
# May touch: the build folder.
noinst_PROGRAMS += bench/load/load
bench_load_load_SOURCES = \
  bench/load/load.h bench/load/loop.h bench/load/loop.c bench/load/proto.h bench/load/value.h bench/load/value.c \
  bench/load/tally.h bench/load/tally.c bench/load/main.c \
  bench/load/publish.c bench/load/read.c bench/load/fanout.c bench/load/idle.c bench/load/disk.c \
  bench/load/runnel.c bench/load/redis.c bench/load/nats.c bench/load/mqtt.c
bench_load_load_LDADD = libdata.la librunnel-base.la
bench-load: bench/load/load
.PHONY: bench-load
EXTRA_DIST += bench/README.md bench/run bench/setup bench/table bench/measure.py bench/process.py
EXTRA_DIST += bench/peer/runnel.py bench/peer/runnelwire.py
EXTRA_DIST += bench/peer/redis.py
EXTRA_DIST += bench/peer/nats.py
EXTRA_DIST += bench/peer/mosquitto.py
EXTRA_DIST += bench/peer/hypercore.py bench/peer/hypercore.js
EXTRA_DIST += bench/rows/publish.py
EXTRA_DIST += bench/rows/ingest.py
EXTRA_DIST += bench/rows/read.py bench/rows/catchup.py bench/rows/kept.py
EXTRA_DIST += bench/rows/fanout.py bench/rows/idle.py
EXTRA_DIST += bench/rows/disk.py
