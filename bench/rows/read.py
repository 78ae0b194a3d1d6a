# SPDX-License-Identifier: MIT
"""read.py — a client reads a history of 1,000,000 from its server: a follow, XRANGE in pages of 1,000, an ordered consumer.
May touch: the servers of the run."""
from measure import Row
from rows.kept import COUNT, Kept


def rows(env):
    kept = Kept(env)

    def read(name):
        server, stream = getattr(kept, name)()
        return env.rate(server, "read", name, [stream], at=server.tcp, count=COUNT)
    yield Row("read", "/s", {name: lambda n=name: read(n) for name in ("runnel", "redis", "nats")},
              ("runnel", "redis", "nats"))
