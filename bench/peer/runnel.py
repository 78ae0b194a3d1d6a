# SPDX-License-Identifier: MIT
"""runnel.py — runneld of the build tree: bdb storage, a unix socket, TCP on request, static discovery.
May touch: a folder of its own; a server on a free loopback port."""
import json
import os
import subprocess

from process import DEADLINE, Failed, Server, free_port


def need(env):
    env.built("runneld")
    env.built("runnel")
    env.built("plugins/storage/bdb/.libs/storage-bdb.so")


class Runnel(Server):
    """A node. `listen`: it serves other nodes over TCP, at .tcp; `peers`: addresses where it looks for every stream;
    `more`: further sections or options, merged over these ({"transport": {"local": {"backlog": 4096}}})."""

    name = "runnel"
    proto = "runnel"

    def __init__(self, env, label="runnel", listen=False, peers=(), more=None):
        super().__init__(env, label)
        self.path = env.new_socket()
        self.address = "unix://" + self.path
        self.port = free_port() if listen else None
        self.tcp = "tcp://127.0.0.1:%d" % self.port if listen else None
        tcp = {"plugin": "tcp"}
        if listen:
            tcp["listen"] = "127.0.0.1:%d" % self.port
        config = {"node": {"data": os.path.join(self.folder, "data"), "name": label},
                  "storage": {"main": {"plugin": "bdb"}},
                  "transport": {"local": {"plugin": "unix", "path": self.path}, "net": tcp},
                  "discovery": {"known": {"plugin": "static", "peers": {"*": list(peers)}}}}
        merge(config, more or {})
        self.config = os.path.join(self.folder, "runneld.conf")
        with open(self.config, "w", encoding="utf-8") as f:
            json.dump(config, f)
        self.start()

    def start(self):
        """Also again after stop(): with the same data."""
        self.launch(self.env.built("runneld"), "-c", self.config, environment=self.env.environment())
        self.wait(lambda: os.path.exists(self.path), "its socket")

    def tool(self, *args, deadline=DEADLINE):
        """The command line: what it has printed."""
        p = subprocess.run([self.env.built("runnel"), "--node", self.address, *args], capture_output=True, text=True,
                           timeout=deadline, stdin=subprocess.DEVNULL, env=self.env.environment(), check=False)
        if p.returncode != 0:
            raise Failed("runnel %s: %s" % (" ".join(args), p.stderr.strip()))
        return p.stdout

    def ask(self, *args, deadline=DEADLINE):
        return json.loads(self.tool("--json", *args, deadline=deadline))

    def create(self, *names):
        """New streams: their ids."""
        return [self.ask("create", "--source", "bench", "--stream", name)["stream"] for name in names]

    def count(self, stream):
        return self.ask("head", stream)["count"]

    def data(self):
        """Bytes of its data folder on the disk."""
        return self.disk("data")


def merge(into, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
