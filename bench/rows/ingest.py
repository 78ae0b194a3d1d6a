# SPDX-License-Identifier: MIT
"""ingest.py — one client with 1,000 publishes in flight, each acknowledged, beside servers that do not sync for it.
May touch: the servers of the run.

An acknowledged publish of ours is on disk. Redis everysec and JetStream acknowledge what the kernel has.
"""
from measure import Row
from peer.nats import Nats
from peer.redis import Redis
from peer.runnel import Runnel
from process import check

SECONDS = 3
FLIGHT = 1000
JOIN = 100  # observations in one publish of ingest.joined, as a client may do that has many to say at once


def measure(env, server, stream, join=1):
    options = {"join": join} if join > 1 else {}
    sample = env.rate(server, "publish", server.proto, [stream], flight=FLIGHT // join, seconds=env.seconds(SECONDS), **options)
    kept = server.ask("XLEN", stream) if server.proto == "redis" else server.count(stream)
    check(kept == sample.more["messages"], server.name, "keeps", kept, "of", sample.more["messages"])
    return sample


def runnel(env, join=1):
    with Runnel(env) as node:
        return measure(env, node, node.create("s")[0], join)


def redis(env):
    with Redis(env, sync="everysec") as server:
        return measure(env, server, "s")


def jetstream(env):
    with Nats(env) as server:
        return measure(env, server, server.create("s")[0])


def rows(env):
    peers = {"redis": lambda: redis(env), "jetstream": lambda: jetstream(env)}
    yield Row("ingest", "/s", dict({"runnel": lambda: runnel(env)}, **peers), ("runnel", "redis", "nats"))
    yield Row("ingest.joined", "/s", dict({"runnel": lambda: runnel(env, JOIN)}, **peers), ("runnel", "redis", "nats"))
