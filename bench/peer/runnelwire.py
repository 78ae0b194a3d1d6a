# SPDX-License-Identifier: MIT
"""runnelwire.py — requests to a node over one session, without a process of the tool for each.
May touch: a socket of this machine."""
import json
import socket
import struct

from process import DEADLINE, Failed

HELLO, REQUEST, ANSWER, ERROR = range(1, 5)


def leb(v):
    out = bytearray()
    while v > 127:
        out.append(v & 127 | 128)
        v >>= 7
    return bytes(out) + bytes([v])


def unleb(b):
    """The integer at the beginning, and what follows it."""
    v = shift = at = 0
    while True:
        v |= (b[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if b[at - 1] < 128:
            return v, b[at:]


class Wire:
    """One session over the node's unix socket; `with` it."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(path)
        self.file = self.sock.makefile("rb")
        self.last = 0
        self.send(HELLO, b'{"runnel":[1],"agent":"bench"}')
        while self.frame()[0] != HELLO:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def send(self, kind, body):
        self.sock.sendall(struct.pack("<IB", len(body) + 1, kind) + body)

    def frame(self):
        head = self.file.read(5)
        if len(head) < 5:
            raise Failed("the node has closed the session")
        n, kind = struct.unpack("<IB", head)
        return kind, self.file.read(n - 1)

    def ask(self, method, **params):
        """The answer; an error that is not `not-found` or `inactive` is a failure, these are {}."""
        self.last += 1
        self.send(REQUEST, leb(self.last) + json.dumps(dict(params, method=method)).encode())
        while True:
            kind, body = self.frame()
            if kind not in (ANSWER, ERROR):
                continue
            id, rest = unleb(body)
            if id not in (0, self.last):
                continue
            answer = json.loads(rest)
            if kind == ANSWER:
                return answer
            if answer.get("code") not in ("not-found", "inactive"):
                raise Failed("%s: %s" % (method, answer))
            return {}
