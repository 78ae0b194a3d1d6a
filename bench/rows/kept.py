# SPDX-License-Identifier: MIT
"""kept.py — servers that hold a history, made when they are first asked for and kept until the run is over.
May touch: the servers of the run."""
from peer.nats import Nats
from peer.redis import Redis
from peer.runnel import Runnel
from process import check

COUNT = 1000000  # observations: values of 16 bytes
FLIGHT = 1000


class Kept:
    """One server of each kind, with COUNT values in one stream, published one by one by the load driver."""

    def __init__(self, env):
        self.env = env
        self.servers = {}

    def get(self, name, make):
        """(server, stream)"""
        if name not in self.servers:
            server, stream = make()
            self.env.load("publish", server.proto, server.address, [stream], count=COUNT, flight=FLIGHT)
            check(server.count(stream) == COUNT, name, "keeps", server.count(stream), "of", COUNT)
            self.servers[name] = (server, stream)
        return self.servers[name]

    def runnel(self):
        def make():
            node = Runnel(self.env, listen=True)
            return node, node.create("s")[0]
        return self.get("runnel", make)

    def redis(self):
        def make():
            return Redis(self.env, sync=None, options=["--repl-diskless-sync-delay", "0"]), "s"
        return self.get("redis", make)

    def nats(self, more=""):
        def make():
            server = Nats(self.env, label="hub", more=more)
            return server, server.create("s")[0]
        return self.get("nats", make)
