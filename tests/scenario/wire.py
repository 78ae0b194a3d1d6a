# SPDX-License-Identifier: MIT
# wire.py — the node protocol spoken by hand to real daemons, from doc/protocol.md alone.
# May touch: sockets of this machine.
import json
import os
import socket
import struct

from tap import BUILD, DEADLINE, Failed

HELLO, REQUEST, ANSWER, ERROR, PUBLISH, PUBLISHED, DATA, HEAD, STATE, CREDIT, HASHES = range(1, 12)
SEQ, NOW = 1, 2
BDB = os.path.exists(os.path.join(BUILD, "plugins/storage/bdb/.libs"))


def leb(v):
    out = bytearray()
    while v > 127:
        out.append(v & 127 | 128)
        v >>= 7
    out.append(v)
    return bytes(out)


def unleb(b, at=0):
    v = shift = 0
    while True:
        c = b[at]
        at += 1
        v |= (c & 127) << shift
        shift += 7
        if c < 128:
            return v, at


def frame(kind, body):
    return struct.pack("<IB", len(body) + 1, kind) + body


def hello(more=b""):
    return frame(HELLO, b'{"runnel":[1],"agent":"wire"%s}' % more)


def config(folder, name, transports="", sections="", storage="bdb" if BDB else "memory"):
    """A node whose unix socket is NAME.sock in the folder; returns the config's path."""
    path = "%s/%s.conf" % (folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write("""{ "node": { "data": "%s/%s" }, "storage": { "main": { "plugin": "%s" } },
  "transport": { "local": { "plugin": "unix", "path": "%s/%s.sock" }%s }%s }
""" % (folder, name, storage, folder, name, transports, sections))
    return path


def frames(buffer):
    """Takes the whole frames out of a bytearray: (kind, body) each."""
    while len(buffer) >= 4:
        n = struct.unpack_from("<I", buffer)[0]
        if len(buffer) < 4 + n:
            return
        kind, body = buffer[4], bytes(buffer[5:4 + n])
        del buffer[:4 + n]
        yield kind, body


class Wire:
    """One session as a program; `greet` false: nothing is said yet."""

    def __init__(self, path, greet=True):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(path)
        self.buffer, self.waiting, self.last = bytearray(), [], 0
        if greet:
            self.send(hello())
            self.want(lambda k, b: k == HELLO)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def request(self, id, method, **params):
        self.send(frame(REQUEST, leb(id) + json.dumps(dict(params, method=method)).encode()))

    def want(self, fits):
        """The next frame that fits; those before it are dropped."""
        while True:
            while self.waiting:
                kind, body = self.waiting.pop(0)
                if fits(kind, body):
                    return kind, body
            got = self.sock.recv(65536)
            if not got:
                raise Failed("the node closed the link")
            self.buffer += got
            self.waiting += frames(self.buffer)

    def want_id(self, id):
        return self.want(lambda k, b: k in (ANSWER, ERROR, PUBLISHED, HASHES) and unleb(b)[0] == id)

    def ask(self, method, **params):
        """The answer to a request; an error is a failure."""
        self.last += 1
        self.request(self.last, method, **params)
        kind, body = self.want_id(self.last)
        o = json.loads(body[unleb(body)[1]:])
        if kind != ANSWER:
            raise Failed("%s: %s" % (method, o))
        return o

    def create(self, name):
        """A new stream: its id, and the 16 bytes of it."""
        id = self.ask("create", descriptor={"source": "t", "stream": name, "target": ""})["stream"]
        return id, bytes.fromhex(id.replace("-", ""))

    def publish(self, raw, base, values):
        """Publishes values a ns apart, in as few frames as hold them."""
        room, part = 65000, []
        for v in [*values, None]:
            entry = b"" if v is None else leb(1) + leb(len(v)) + v
            if v is None or sum(map(len, part)) + len(entry) > room:
                self.last += 1
                self.send(frame(PUBLISH, leb(self.last) + raw + b"\0" + struct.pack("<q", base) + b"".join(part)))
                kind, body = self.want_id(self.last)
                if kind != PUBLISHED:
                    raise Failed("publish: %r" % body)
                base += len(part)
                part = []
            part.append(entry)
        return base
