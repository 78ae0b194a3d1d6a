# SPDX-License-Identifier: MIT
"""publish.py — acknowledged publishes that are on disk, beside Redis XADD with appendfsync always, and beside the disk.
May touch: the servers of the run."""
import os

from measure import Row, Sample
from peer.redis import Redis
from peer.runnel import Runnel
from process import check

SECONDS = 3
# name: clients, in flight each, streams
SHAPES = {"publish.1x1": (1, 1, 1), "publish.1x64": (1, 64, 1), "publish.16x1": (16, 1, 1),
          "publish.16x1.16streams": (16, 1, 16), "publish.16x16.16streams": (16, 16, 16)}
COMMIT = 4096  # bytes: one commit of one observation, as the disk is written


def runnel(env, clients, flight, streams):
    with Runnel(env) as node:
        ids = node.create(*("s%d" % i for i in range(streams)))
        sample = env.rate(node, "publish", "runnel", ids, clients=clients, flight=flight, seconds=env.seconds(SECONDS))
        kept = sum(node.count(i) for i in ids)
        check(kept == sample.more["messages"], "runnel keeps", kept, "of", sample.more["messages"])
        return sample


def redis(env, clients, flight, streams):
    with Redis(env, sync="always") as server:
        keys = ["s%d" % i for i in range(streams)]
        sample = env.rate(server, "publish", "redis", keys, clients=clients, flight=flight, seconds=env.seconds(SECONDS))
        kept = sum(server.ask("XLEN", k) for k in keys)
        check(kept == sample.more["messages"], "redis keeps", kept, "of", sample.more["messages"])
        return sample


def disk(env):
    """The bare rate of write and fdatasync of one commit."""
    folder = env.new_folder("disk")
    said = env.load("disk", None, os.path.join(folder, "file"), seconds=env.seconds(SECONDS), bytes=COMMIT)
    os.unlink(os.path.join(folder, "file"))
    return Sample(said["rate"], False, {k: said[k] for k in ("messages", "seconds", "p50_us", "p99_us")})


def rows(env):
    for name, shape in SHAPES.items():
        sides = {"runnel": lambda s=shape: runnel(env, *s), "redis": lambda s=shape: redis(env, *s)}
        if shape[:2] == (1, 1):
            sides["disk"] = lambda: disk(env)
        yield Row(name, "/s", sides, ("runnel", "redis"))
