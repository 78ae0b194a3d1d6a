# SPDX-License-Identifier: MIT
"""pair.py — nodes that exchange streams: their configs, their daemons, the tool at each of them.
May touch: temporary folders; daemons of its own on free loopback ports."""
import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess

from tap import BUILD, DEADLINE, Daemon, Failed, check, environment, equal, until

RUNNEL = os.path.join(BUILD, "runnel")


def free_port():
    """A port below those that the kernel gives to who asks for any, so that it stays free between two starts."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Node:
    """A node in its own folder. `port`: where it listens for nodes; `peers`: where it looks for every stream."""

    def __init__(self, folder, name, port=None, peers=()):
        self.folder = os.path.join(folder, name)
        os.mkdir(self.folder)
        self.address = "unix://%s/sock" % self.folder
        self.config = self.folder + "/runneld.conf"
        self.daemon = None
        tcp = {"plugin": "tcp"}
        if port:
            tcp["listen"] = "127.0.0.1:%d" % port
        with open(self.config, "w") as f:
            json.dump({"node": {"data": self.folder + "/data", "name": name},
                       "storage": {"main": {"plugin": "bdb"}},
                       "transport": {"local": {"plugin": "unix", "path": self.folder + "/sock"}, "net": tcp},
                       "discovery": {"known": {"plugin": "static", "peers": {"*": list(peers)}}}}, f)

    # ---- the daemon ----

    def start(self):
        self.daemon = Daemon(self.config, self.folder)
        self.daemon.ready()

    def stop(self):
        equal(self.daemon.stop(), 0, "the exit code of %s:\n%s" % (self.folder, self.log()))

    def kill(self):
        self.daemon.signal(signal.SIGKILL)
        self.daemon.end()

    def log(self):
        return self.daemon.log()

    # ---- the tool ----

    def run(self, *args, address=None):
        """(exit code, standard output, standard error)"""
        p = subprocess.run([RUNNEL, "--node", address or self.address, *args], capture_output=True, text=True,
                           timeout=2 * DEADLINE, stdin=subprocess.DEVNULL, env=environment())
        return p.returncode, p.stdout, p.stderr

    def tool(self, *args):
        code, out, err = self.run(*args)
        check(code == 0, "runnel", " ".join(args), "at", self.address, "ended with", code, err, self.log())
        return out

    def json(self, *args):
        return json.loads(self.tool("--json", *args))

    def popen(self, *args, **more):
        return subprocess.Popen([RUNNEL, "--node", self.address, *args], text=True, env=environment(), **more)

    # ---- streams ----

    def create(self, stream):
        return self.json("create", "--source", "test", "--stream", stream)["stream"]

    def head(self, stream):
        """What it says of a stream; None when it knows none such, or is not there."""
        code, out, err = self.run("--json", "head", stream)
        return json.loads(out) if code == 0 else None

    def count(self, stream):
        head = self.head(stream)
        return head["count"] if head else 0

    def history(self, stream):
        """[(seq, time, value as written)]"""
        lines = self.tool("history", stream, "--format", "ndjson").split("\n")[:-1]  # a value may hold other line ends
        return [(o["seq"], o["time"], o["value"]) for o in map(json.loads, lines)]


@contextlib.contextmanager
def nodes(*all_of_them):
    """Starts them; at the end none runs."""
    try:
        for n in all_of_them:
            n.start()
        yield all_of_them
    finally:
        for n in all_of_them:
            if n.daemon and n.daemon.process.poll() is None:
                n.kill()


def pair(folder):
    """A publisher, and a subscriber that looks for everything there."""
    port = free_port()
    return Node(folder, "one", port), Node(folder, "two", peers=["tcp://127.0.0.1:%d" % port])


def same_head(one, two, stream):
    """Waits until two holds all that one has signed; the count."""
    def same():
        a, b = one.head(stream), two.head(stream)
        return (a and b and a["count"] == a["head_count"] == b["count"] == b["head_count"] and a["root"] == b["root"]
                and a)
    return until(same, "equal heads:\n%s\n%s\n%s" % (one.head(stream), two.head(stream), two.log()))["count"]
