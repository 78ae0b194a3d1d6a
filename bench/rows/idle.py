# SPDX-License-Identifier: MIT
"""idle.py — resident memory of a server for each connection that follows a stream and waits.
May touch: the servers of the run."""
import json
import subprocess

from measure import Row, Sample
from peer.mosquitto import Mosquitto
from peer.nats import Nats
from peer.redis import Redis
from peer.runnel import Runnel
from process import DEADLINE, check, end, until

CONNECTIONS = (2000, 8000)
PEERS = ("redis", "nats", "mosquitto")


def at_rest(server):
    """Its memory once it changes no more: two looks in a row see the same."""
    seen = [-1]

    def same():
        now = server.rss()
        before, seen[0] = seen[0], now
        return now == before
    until(same, "the memory of %s to come to rest" % server.name)
    return seen[0]


def hold(env, server, stream, connections):
    """A driver that holds so many followers; its line has come."""
    driver = subprocess.Popen([env.built("bench/load/load"), "idle", "--to", server.tcp, "--proto", server.proto,
                               "--stream", stream, "--clients", str(connections), "--deadline", str(int(DEADLINE))],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    line = driver.stdout.readline()
    check(line, "idle: the driver of", server.name, "has failed")
    check(json.loads(line)["messages"] == connections, "idle: not all follow")
    return driver


def let_go(driver):
    driver.stdin.close()
    driver.stdout.close()
    end(driver, "the driver of idle")


def measure(env, make, connections):
    """A few come and go first, so that what a server allocates once is there before."""
    with make(env) as server:
        stream = server.create("s")[0] if hasattr(server, "create") and server.name == "runnel" else "s"
        let_go(hold(env, server, stream, 20))
        before = at_rest(server)
        driver = hold(env, server, stream, connections)
        try:
            after = at_rest(server)
        finally:
            let_go(driver)
        return Sample((after - before) / connections, False, {"before": before, "after": after})


def rows(env):
    sides = {"runnel": lambda e: Runnel(e, listen=True, more={"transport": {"net": {"backlog": 4096}}}),
             "redis": lambda e: Redis(e, sync=None), "nats": lambda e: Nats(e, jetstream=False), "mosquitto": Mosquitto}
    for connections in CONNECTIONS:
        yield Row("idle.%d" % connections, "B",
                  {side: lambda m=make, n=connections: measure(env, m, n) for side, make in sides.items()},
                  ("runnel", *PEERS), better="less")
