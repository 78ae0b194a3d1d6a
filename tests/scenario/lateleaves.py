#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# lateleaves.py — blocks that come before the hashes they are checked against wait for them; wrong ones are noticed.
# May touch: loopback ports, daemons of its own.
import os
import socket
import struct
import threading

from pair import Node, free_port, nodes
from tap import check, main, until
from wire import DATA, HASHES, PUBLISH, PUBLISHED, Wire, frame, leb

GROUP = 1024                     # leaves under one node of the skeleton
BLOCK = 256                      # observations under a leaf
COUNT = 2 * GROUP * BLOCK + 3000
FIRST = (GROUP - 1) * BLOCK      # observations under the first group: its first leaf is the descriptor's


def read(f, n):
    got = f.read(n)
    return got if got and len(got) == n else None


class Between:
    """Stands between two nodes; holds back the hashes of the second group until blocks under it have passed."""

    def __init__(self, port, alter):
        self.to, self.alter, self.held, self.passed, self.ahead = port, alter, None, 0, 0
        self.listener = socket.create_server(("127.0.0.1", free_port()))
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.serve, daemon=True)]
        self.threads[0].start()

    def serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.to))
            for target, args in ((self.there, (near, far)), (self.back, (far, near))):
                self.threads.append(threading.Thread(target=target, args=args, daemon=True))
                self.threads[-1].start()

    def there(self, near, far):
        try:
            while True:
                got = near.recv(65536)
                if not got:
                    break
                far.sendall(got)
        except OSError:
            pass
        self.cut(near, far)

    def back(self, far, near):
        try:
            with far.makefile("rb") as f:
                while True:
                    head = read(f, 4)
                    body = head and read(f, struct.unpack("<I", head)[0])
                    if not body:
                        break
                    self.hand_on(near, head + body, body[0])
        except OSError:
            pass
        self.cut(near, far)

    def hand_on(self, near, data, kind):
        if kind == HASHES and len(data) >= GROUP * 32 and self.held is None:
            self.held = bytearray(data)
            self.held[-1] ^= self.alter
            return
        near.sendall(data)
        self.passed += kind == DATA
        if self.held and kind == DATA and self.passed == GROUP + 200:
            self.ahead = self.passed
            near.sendall(self.held)

    @staticmethod
    def cut(*socks):
        for s in socks:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


def fill(node):
    """COUNT observations, a ns apart, in as few frames as hold them."""
    most, entry = 20000, leb(1) + leb(1) + b"1"
    with Wire(node.folder + "/sock") as wire:
        stream, raw = wire.create("long")
        for id, first in enumerate(range(0, COUNT, most), 100):
            run = entry * min(most, COUNT - first)
            wire.send(frame(PUBLISH, leb(id) + raw + b"\0" + struct.pack("<q", first) + run))
            kind, body = wire.want_id(id)
            check(kind == PUBLISHED, body)
        return stream


def scene(home, alter, then):
    port = free_port()
    between = Between(port, alter)
    a, b = Node(home, "a", port), Node(home, "b", None, ["tcp://127.0.0.1:%d" % between.port])
    with nodes(a, b):
        stream = fill(a)
        b.tool("subscribe", stream)
        then(b, between, stream)
    between.close()


def whole(b, between, stream):
    until(lambda: b.json("head", stream).get("count") == COUNT if between.ahead else False, "the whole history")
    check(between.ahead > GROUP, "no block was ahead of its hash")
    b.tool("verify", stream)


def altered(b, between, stream):
    b.daemon.wait_log("do not fold to their node; nothing of it is kept, the peer is dropped")
    with Wire(b.folder + "/sock") as wire:
        held = [s["count"] for s in wire.ask("streams")["streams"] if s["stream"] == stream]
    check(len(held) == 1 and held[0] <= FIRST, "held:", held, "of which", FIRST, "can be checked")


def blocks_wait_for_their_hashes(home):
    scene(home, 0, whole)


def hashes_that_come_late_and_wrong(home):
    scene(home, 1, altered)


main([blocks_wait_for_their_hashes, hashes_that_come_late_and_wrong])
