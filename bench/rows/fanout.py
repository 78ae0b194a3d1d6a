# SPDX-License-Identifier: MIT
"""fanout.py — one publisher and many readers of one stream: flooded, and paced at 1,000 messages a second.
May touch: the servers of the run.

Deliveries a second, counted at the readers; none is lost, or the row fails. `server_cpu_us` of a sample is the server's
processor time a delivery in µs: the same number as s a million. Beside readers that read nothing it is the 99th
percentile of the others that counts. Mosquitto is left out where 1,000 readers are paced: it does not take a million
deliveries a second. runnel also keeps everything, each message durable
before a reader has it. Readers are on TCP everywhere; the publisher is on a unix socket where the server has one (ours,
Redis). One process publishes and reads; where it was the limit that is said."""
from measure import Row
from peer.mosquitto import Mosquitto
from peer.nats import Nats
from peer.redis import Redis
from peer.runnel import Runnel
from process import check

SECONDS = 4
FLIGHT = 1000  # messages that have not come, a reader, while it is flooded
PACE = 1000    # messages a second
READERS = (100, 1000)
PEERS = ("redis", "nats", "mosquitto")
HISTORY = 200000  # observations that there are before, where some read nothing
DEAF = (1, 100)
ROOM = {"transport": {"net": {"backlog": 4096}}}
FLOOD_SLOW = 100  # of mosquitto, which writes every message by itself: its flood must end in time too


def runnel(env, readers, rate):
    with Runnel(env, listen=True, more=ROOM) as node:
        stream, = node.create("s")
        sample = env.rate(node, "fanout", "runnel", [stream], clients=readers, readers=node.tcp, flight=FLIGHT,
                          rate=rate,
                          seconds=env.seconds(SECONDS))
        check(node.count(stream) * readers == sample.more["messages"], "runnel keeps", node.count(stream), "of",
              sample.more["messages"] / readers)
        return sample


def beside_deaf(env, deaf):
    """What the others wait while some want 4 MB and read nothing: the 99th percentile. `grown`: what the node's
    memory has grown by."""
    with Runnel(env, listen=True, more=ROOM) as node:
        stream, = node.create("s")
        env.load("publish", "runnel", node.address, [stream], flight=1000, count=env.count(HISTORY))
        before = node.rss()
        sample = env.rate(node, "fanout", "runnel", [stream], clients=READERS[0], readers=node.tcp, deaf=deaf,
                          rate=PACE,
                          seconds=env.seconds(SECONDS))
        sample.more.update(grown=node.rss() - before, rate_of=sample.rate)
        sample.rate = sample.more["p99_us"]
        return sample


def peer(env, make, proto, readers, rate, flight=FLIGHT):
    with make(env) as server:
        return env.rate(server, "fanout", proto, ["s"], clients=readers, readers=server.tcp, flight=flight,
                        seconds=env.seconds(SECONDS), rate=rate)


def redis(env, readers, rate):
    # Without this limit it would disconnect a reader that is behind.
    return peer(env, lambda e: Redis(e, sync=None, options=("--client-output-buffer-limit", "pubsub 0 0 0")), "redis",
                readers, rate)


def nats(env, readers, rate):
    return peer(env, lambda e: Nats(e, jetstream=False, more="max_pending: 1GB\nwrite_deadline: \"60s\""), "nats", readers,
                rate)


def mosquitto(env, readers, rate):
    return peer(env, Mosquitto, "mqtt", readers, rate, FLOOD_SLOW)


def rows(env):
    sides = {"runnel": runnel, "redis": redis, "nats": nats, "mosquitto": mosquitto}
    for name, rate in (("flood", 0), ("paced", PACE)):
        for readers in READERS:
            able = {side: f for side, f in sides.items() if not (side == "mosquitto" and rate and readers > 100)}
            yield Row("fanout.%s.%d" % (name, readers), "/s",
                      {side: lambda f=f, n=readers, r=rate: f(env, n, r) for side, f in able.items()}, tuple(able))
    for deaf in DEAF:
        yield Row("fanout.deaf.%d" % deaf, "us", {"runnel": lambda n=deaf: beside_deaf(env, n),
                                                  "without": lambda: beside_deaf(env, 0)}, ("runnel",), better="less")
