# SPDX-License-Identifier: MIT
"""readers.py — readers at a real daemon over real sockets: one that stops reading, and what others notice of it.
May touch: temporary folders; daemons of its own on free loopback ports."""
import json
import re
import resource
import socket
import threading

from pair import Node, free_port, nodes
from tap import DEADLINE, check, equal, main
from wire import ANSWER, DATA, REQUEST, Wire, frame, frames, hello, leb, unleb

COUNT = 60000
VALUE = b'"%094d"'  # 96 bytes: 6 MB in all
FOLLOW = 77


def values_of(body):
    """(seq of the first, values) of a DATA frame."""
    _, at = unleb(body)
    seq, at = unleb(body, at)
    at += 8
    values = []
    while at < len(body):
        _, at = unleb(body, at)
        n, at = unleb(body, at)
        values.append(body[at:at + n])
        at += n
    return seq, values


def follow(wire, stream):
    wire.request(FOLLOW, "follow", stream=stream, credit=16777216)


def take_all(wire, count):
    """Reads a follow from its beginning: no gap, nothing twice, every value. Gives credit for all."""
    wire.send(frame(10, leb(FOLLOW) + leb(16777216)))
    seen = 0
    while seen < count:
        _, body = wire.want(lambda kind, b: kind == DATA and unleb(b)[0] == FOLLOW)
        seq, values = values_of(body)
        equal(seq, seen, "the next run")
        for value in values:
            equal(value, VALUE % seen)
            seen += 1
    return seen


def publish_all(wire, raw):
    wire.publish(raw, 0, [VALUE % i for i in range(COUNT)])


def one_that_stops_reading(f):
    node = Node(f, "one")
    with nodes(node):
        path = node.address[len("unix://"):]
        with Wire(path) as writer, Wire(path) as deaf, Wire(path) as quick:
            stream, raw = writer.create("s")
            follow(deaf, stream)
            follow(quick, stream)
            got = []
            reading = threading.Thread(target=lambda: got.append(take_all(quick, COUNT)))
            reading.start()
            publish_all(writer, raw)
            reading.join(2 * DEADLINE)
            equal(got, [COUNT], "the others have all of it while one reads nothing")
            equal(take_all(deaf, COUNT), COUNT)
            equal(writer.ask("head", stream=stream)["count"], COUNT)


def connect(address, room):
    """A socket with a small receive buffer, greeted."""
    tcp = address.startswith("tcp://")
    s = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
    s.settimeout(DEADLINE)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    if tcp:
        host, port = address[len("tcp://"):].split(":")
        s.connect((host, int(port)))
    else:
        s.connect(address[len("unix://"):])
    s.sendall(hello())
    return s


def before_the_answer(address, stream):
    """How many bytes come before the answer to a ping on a link that a follow has filled."""
    with connect(address, 65536) as s:
        buffer, seen = bytearray(), 0
        s.sendall(frame(REQUEST, leb(FOLLOW) + json.dumps(
            {"method": "follow", "stream": stream, "credit": 16777216}).encode()))
        while not seen:  # its first run is here: from now on nothing is read for a while, and the link fills
            buffer += s.recv(4096)
            seen = sum(kind == DATA for kind, _ in frames(buffer))
        filled = fill(s)
        s.sendall(frame(REQUEST, leb(1) + b'{"method":"ping"}'))
        passed = 0
        while True:
            got = s.recv(65536)
            check(got, "the node closed the link")
            passed += len(got)
            buffer += got
            for kind, body in frames(buffer):
                if kind == ANSWER and unleb(body)[0] == 1:
                    return filled, passed


def fill(s):
    """Waits until no more comes into our buffer: the link is full. How much stands in it."""
    before, same = -1, 0
    while same < 20:
        now = len(s.recv(1 << 24, socket.MSG_PEEK))
        same = same + 1 if now == before else 0
        before = now
        threading.Event().wait(0.01)
    return before


def answers_go_first(f):
    port = free_port()
    node = Node(f, "one", port=port)
    with open("/proc/sys/net/core/wmem_default", encoding="utf-8") as w:
        below = int(w.read())
    with nodes(node):
        with Wire(node.address[len("unix://"):]) as writer:
            stream, raw = writer.create("s")
            publish_all(writer, raw)
        # What a link holds: on unix the sender's buffer; on tcp the receiver's (the kernel doubles it), and 128 KiB that
        # are not sent yet. Then a frame, and what the kernel takes at once above its bound.
        for address, bound in ((node.address, below + 65540 + 65536),
                               ("tcp://127.0.0.1:%d" % port, 131072 + 131072 + 65540 + 131072)):
            filled, passed = before_the_answer(address, stream)
            check(filled > 16384, "the link was full", filled)
            check(passed <= bound, address, passed, "bytes before the answer, want at most", bound)


def as_many_files_as_allowed(f):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    node = Node(f, "one")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(128, hard), hard))
    try:
        with nodes(node):
            with open("/proc/%d/limits" % node.daemon.process.pid, encoding="utf-8") as l:
                equal(re.search(r"Max open files +(\d+) +(\d+)", l.read()).groups(), (str(hard), str(hard)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


main([one_that_stops_reading, answers_go_first, as_many_files_as_allowed])
