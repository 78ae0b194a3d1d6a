# SPDX-License-Identifier: MIT
"""catchup.py — a fresh node takes a history of 1,000,000 from one other, over loopback TCP.
May touch: the servers of the run.

runnel: verified and durable, from the request `subscribe` to the answer that has the head of all. redis: REPLICAOF,
from the command to the link that is up with all entries of the stream there; nothing is verified, no append-only file.
nats: a JetStream mirror over a leaf node, until it holds all. hypercore: blocks of 100 values, verified."""
import time

from measure import Row, Sample
from peer import hypercore
from peer.nats import Nats
from peer.redis import Redis
from peer.runnel import Runnel
from peer.runnelwire import Wire
from process import check, free_port, until
from rows.kept import COUNT, Kept

GROUP = 100    # values in a block of hypercore
LOOK = 0.001   # seconds between looks whether all is there


def sample(began, source, source_cpu, fresh):
    """`fresh` has done nothing else since it was started."""
    seconds = time.monotonic() - began
    return Sample(COUNT / seconds, False, {"seconds": seconds, "messages": COUNT,
                                           "source_cpu_us": 1e6 * (source.cpu() - source_cpu) / COUNT,
                                           "server_cpu_us": 1e6 * fresh.cpu() / COUNT})


def runnel(env, kept):
    source, stream = kept.runnel()
    with Runnel(env, label="fresh", peers=[source.tcp]) as fresh, Wire(fresh.path) as wire:
        used, began = source.cpu(), time.monotonic()
        wire.ask("subscribe", stream=stream)
        until(lambda: wire.ask("head", stream=stream).get("head"), "the head of all", look=LOOK)
        taken = sample(began, source, used, fresh)
        head = wire.ask("head", stream=stream)
        check(head.get("count") == COUNT, "runnel keeps", head)
        return taken


def redis(env, kept):
    source, stream = kept.redis()
    with Redis(env, label="replica", sync=None) as fresh:
        used, began = source.cpu(), time.monotonic()
        fresh.ask("REPLICAOF", "127.0.0.1", source.port)
        until(lambda: b"master_link_status:up" in fresh.ask("INFO", "replication") and fresh.ask("XLEN", stream) == COUNT,
              "the replica", look=LOOK)
        return sample(began, source, used, fresh)


def jetstream(folder, domain):
    return 'jetstream { store_dir: "%s", domain: "%s", max_file_store: 100G }\n' % (folder, domain)


def nats(env, kept, port):
    hub = 'leafnodes { host: "127.0.0.1", port: %d }\n' % port
    source, stream = kept.nats(hub + jetstream(env.new_folder("hubdata"), "hub"))
    leaf = 'leafnodes { remotes: [ { url: "nats-leaf://127.0.0.1:%d" } ] }\n' % port
    with Nats(env, label="leaf", more=leaf + jetstream(env.new_folder("leafdata"), "leaf")) as fresh:
        fresh.wait(lambda: b"Leafnode connection created" in fresh.log().encode(), "the leaf node's connection")
        used, began = source.cpu(), time.monotonic()
        fresh.create("mirror", subjects=None, mirror={"name": stream, "external": {"api": "$JS.hub.API"}})
        until(lambda: fresh.count("mirror") == COUNT, "the mirror", look=LOOK)
        return sample(began, source, used, fresh)


class Core:
    """A hypercore with the history, served by a process of its own."""

    def __init__(self, env):
        self.env = env
        self.server = None

    def get(self):
        if self.server is None:
            folder = self.env.new_folder("core")
            hypercore.call(self.env, "write", folder, COUNT, GROUP)
            self.server = hypercore.Hypercore(self.env, folder)
        return self.server


def hyper(env, core):
    source = core.get()
    used = source.cpu()
    said = source.fetch(env.new_folder("fresh"))
    return Sample(COUNT / said["seconds"], False, {"seconds": said["seconds"], "messages": COUNT,
                                                   "source_cpu_us": 1e6 * (source.cpu() - used) / COUNT,
                                                   "server_cpu_us": 1e6 * said["cpu"] / COUNT})


def rows(env):
    kept, core, port = Kept(env), Core(env), free_port()
    yield Row("catchup", "/s",
              {"runnel": lambda: runnel(env, kept), "redis": lambda: redis(env, kept),
               "nats": lambda: nats(env, kept, port), "hypercore": lambda: hyper(env, core)},
              ("runnel", "redis", "nats", "hypercore"))
