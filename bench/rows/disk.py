# SPDX-License-Identifier: MIT
"""disk.py — bytes on the disk for each observation: all of a server's data folder, divided by how many it keeps.
May touch: the servers of the run; reads their folders.

Each row comes three times: after a clean stop (Redis: after a rewrite of its append-only file), NAME.running before that, and
NAME.grown, after the stop less what the folder had after one before the first observation (runnel: its ballast, its log).
"""
import csv
import os

from measure import Row, Sample
from peer import hypercore
from peer.nats import Nats
from peer.redis import Redis
from peer.runnel import Runnel
from process import Failed, check, until

COUNT = 1000000       # random values of 16 bytes, at the times at which they were taken
FLIGHT = 1000
GROUP = 100           # values in a block of hypercore
COPIES = 100          # streams with the CO2 series each: 741 months are too few to tell
CO2 = "examples/data/co2-concentration.csv"


def sample(count, before, running, after):
    return Sample(after / count, False, {"running": running / count, "grown": (after - before) / count, "before": before,
                                         "after": after, "count": count})


def parts(folder):
    """What a data folder consists of: bytes on the disk by the beginning of the file's name."""
    found = {}
    for place, _, files in os.walk(folder):
        for name in files:
            kind = name.split(".")[0]
            found[kind] = found.get(kind, 0) + os.lstat(os.path.join(place, name)).st_blocks * 512
    return found


def fill(env, server, stream):
    said = env.load("publish", server.proto, server.address, [stream], flight=FLIGHT, count=env.count(COUNT))
    check(said["messages"] == env.count(COUNT), server.name, "took", said["messages"], "of", env.count(COUNT))
    return said["messages"]


def stopped(node):
    """Bytes of its data folder after a clean stop; then it runs again."""
    node.stop()
    size = node.data()
    node.start()
    return size


def runnel(env):
    with Runnel(env) as node:
        stream, = node.create("s")
        before = stopped(node)
        count = fill(env, node, stream)
        running = node.data()
        node.stop()
        result = sample(count, before, running, node.data())
        result.more["parts"] = parts(os.path.join(node.folder, "data"))
        return result


def rewritten(server):
    """Redis: the append-only file is as small as it gets."""
    def done():
        said = dict(line.split(":") for line in server.ask("INFO", "persistence").decode().split() if ":" in line)
        return said["aof_rewrite_in_progress"] == said["aof_rewrite_scheduled"] == "0" and said

    until(done, "redis to rewrite its file by itself")
    server.ask("BGREWRITEAOF")
    check(until(done, "redis to rewrite its file")["aof_last_bgrewrite_status"] == "ok", "redis cannot rewrite its file")


def redis(env):
    with Redis(env, sync="everysec") as server:
        before = server.disk("appendonlydir")
        count = fill(env, server, "s")
        running = server.disk("appendonlydir")
        rewritten(server)
        check(server.ask("XLEN", "s") == count, "redis has lost some")
        server.stop()
        return sample(count, before, running, server.disk("appendonlydir"))


def jetstream(env):
    with Nats(env) as server:
        stream, = server.create("s")
        before = server.disk("data")
        count = fill(env, server, stream)
        running = server.disk("data")
        server.stop()
        return sample(count, before, running, server.disk("data"))


def hyper(env):
    folder = os.path.join(env.new_folder("hypercore"), "data")
    count = hypercore.call(env, "write", folder, env.count(COUNT), GROUP)["messages"]
    used = sum(parts(folder).values())
    return sample(count, 0, used, used)


# ---- the CO2 series ----

def co2(env):
    """The same file imported into several streams: one has far fewer observations than a block of the disk has room for."""
    path = os.path.join(env.source, CO2)
    with Runnel(env) as node:
        streams = node.create(*("co2-%d" % i for i in range(env.count(COPIES))))
        before, count = stopped(node), 0
        for stream in streams:
            count += node.ask("import", stream, path, "--time", "Date", "--value", "CO2")["imported"]
        running = node.data()
        node.stop()
        result = sample(count, before, running, node.data())
        result.more["parts"] = parts(os.path.join(node.folder, "data"))
        return result


def text(env):
    """The two columns as they stand in the file."""
    with open(os.path.join(env.source, CO2), encoding="utf-8", newline="") as f:
        rows_ = [r for r in csv.DictReader(f) if r["CO2"]]
    if not rows_:
        raise Failed("%s has no rows" % CO2)
    size = sum(len(r["Date"]) + len(r["CO2"]) + 2 for r in rows_)
    return sample(len(rows_), 0, size, size)


def rows(env):
    derived = ("running", "grown")
    yield Row("disk.random", "B", {"runnel": lambda: runnel(env), "redis": lambda: redis(env), "jetstream": lambda: jetstream(env),
                                   "hypercore": lambda: hyper(env)},
              ("runnel", "redis", "nats", "hypercore"), better="less", derived=derived)
    yield Row("disk.co2", "B", {"runnel": lambda: co2(env), "csv": lambda: text(env)}, ("runnel",), better="less",
              derived=derived)
