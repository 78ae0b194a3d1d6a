# SPDX-License-Identifier: MIT
"""redis.py — redis-server, from the distribution.
May touch: a folder of its own; a server on a free loopback port and a unix socket."""
import socket

from process import DEADLINE, Failed, Server, free_port, need as need_program


def need(_):
    need_program("redis-server")


class Redis(Server):
    """sync: appendfsync (always, everysec, no), or None: no append-only file."""

    name = "redis"
    proto = "redis"

    def __init__(self, env, label="redis", sync="always", options=()):
        super().__init__(env, label)
        self.port = free_port()
        self.path = env.new_socket()
        self.address = "unix://" + self.path
        self.tcp = "tcp://127.0.0.1:%d" % self.port
        self.options = ["--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.path, "--dir", self.folder, "--save", "",
                        "--daemonize", "no", "--appendonly", "yes" if sync else "no",
                        "--appendfsync", sync or "no", *options]
        self.start()

    def start(self):
        self.launch(need_program("redis-server"), *self.options)
        self.wait(self.serves, "answers")

    def serves(self):
        try:
            return self.ask("PING") == b"PONG"
        except (OSError, Failed):
            return False

    def count(self, stream):
        return self.ask("XLEN", stream)

    def ask(self, *words):
        """One command: a simple reply (text, number or string)."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE) as s, s.makefile("rb") as f:
            parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
            s.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
            line = f.readline().rstrip(b"\r\n")
            if line[:1] == b"-":
                raise Failed("redis says: %s" % line.decode())
            if line[:1] == b"$":
                return f.read(int(line[1:]))
            return int(line[1:]) if line[:1] == b":" else line[1:]
