# SPDX-License-Identifier: MIT
# drain.py — runneld is told to end while it is at work: who was served gets what is theirs, in bounded time.
# May touch: temporary folders.
import json
import os
import select
import signal
import socket
import struct
import time

from tap import DEADLINE, check, daemon, equal, main, until
from wire import BDB, CREDIT, DATA, ERROR, NOW, PUBLISH, PUBLISHED, Wire, config, frame, frames, leb, unleb

STOPPING = "the node is stopping"
CUT = r"did not take what was theirs"


def conf(f, timeout=None):
    path = config(f, "n", storage="bdb" if BDB else "memory")
    with open(path) as c:
        o = json.loads(c.read())
    if timeout:
        o["node"]["stop_timeout"] = timeout
    with open(path, "w") as c:
        json.dump(o, c)
    return path


def entries(body, at):
    """How many observations a run holds."""
    n = 0
    while at < len(body):
        _, at = unleb(body, at)
        length, at = unleb(body, at)
        at += length
        n += 1
    return n


class Reader:
    """A follow from the start, over a session of its own."""

    def __init__(self, sock, stream, credit):
        self.wire = Wire(sock)
        self.next, self.taken, self.errors, self.ended = 0, 0, [], False
        self.wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.wire.request(1, "follow", stream=stream, **{"from": 0, "credit": credit})

    def take(self, most=65536):
        """Reads once, and gives back the credit of what has come."""
        got = self.wire.sock.recv(most)
        self.ended = not got
        self.wire.buffer += got
        for kind, body in frames(self.wire.buffer):
            if kind == DATA:
                _, at = unleb(body)
                seq, at = unleb(body, at)
                equal(seq, self.next, "no gap, nothing twice")
                at += 8
                self.next += entries(body, at)
                self.taken += len(body) - at
            elif kind == ERROR:
                id, at = unleb(body)
                self.errors.append((id, json.loads(body[at:])))
        if self.taken > 65536 and not self.errors:
            try:
                self.wire.send(frame(CREDIT, leb(1) + leb(self.taken)))
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.taken = 0

    def begun(self, most=65536):
        """Its first observations have come."""
        while self.next == 0:
            self.take(most)
        return self

    def to_the_end(self):
        while not self.ended:
            self.take()
        return self


def fill(sock, n, size=60):
    with Wire(sock) as w:
        stream, raw = w.create("s")
        w.publish(raw, 1000, [b'"%s"' % (b"%07d" % i).ljust(size, b"x") for i in range(n)])
    return stream, raw


class Writer:
    """A session that publishes without waiting for answers; the values tell whose they are."""

    def __init__(self, sock, raw, mark):
        self.wire = Wire(sock)
        self.wire.sock.setblocking(False)
        self.raw, self.mark = raw, mark
        self.out, self.sent, self.acked, self.errors = bytearray(), 0, [], []
        self.writes, self.ended = True, False

    def write(self):
        while len(self.out) < 32768:
            self.sent += 1
            value = b'"%d-%08d"' % (self.mark, self.sent)
            self.out += frame(PUBLISH, leb(self.sent) + self.raw + leb(NOW) + struct.pack("<q", 0) + leb(0) +
                              leb(len(value)) + value)
        try:
            del self.out[:self.wire.sock.send(self.out)]
        except (BrokenPipeError, ConnectionResetError):
            self.writes = False  # the other side has gone; what it said before may still be read

    def read(self):
        try:
            got = self.wire.sock.recv(65536)
        except ConnectionResetError:
            got = b""
        self.ended = not got
        self.wire.buffer += got
        for kind, body in frames(self.wire.buffer):
            id, at = unleb(body)
            if kind == PUBLISHED:
                self.acked.append((self.mark, id))
            elif kind == ERROR:
                self.errors.append((id, json.loads(body[at:])))


def flood(writers, enough):
    """Until all have ended; `enough` is called now and then."""
    while not all(w.ended for w in writers):
        alive = {w.wire.sock: w for w in writers if not w.ended}
        ready, room, _ = select.select(alive, [s for s in alive if alive[s].writes], [], DEADLINE)
        check(ready or room, "nothing moves")
        for s in room:
            alive[s].write()
        for s in ready:
            alive[s].read()
        enough()


def values_of(sock, stream):
    with Wire(sock) as w:
        count, values = w.ask("head", stream=stream)["count"], []
        w.request(9, "follow", stream=stream, **{"from": 0, "credit": 1 << 24})
        while len(values) < count:
            _, body = w.want(lambda k, b: k == DATA)
            _, at = unleb(body)
            _, at = unleb(body, at)
            at += 8
            while at < len(body):
                _, at = unleb(body, at)
                n, at = unleb(body, at)
                values.append(body[at:at + n])
                at += n
    return values


def a_flood_of_publishes(f):
    """What is acknowledged is there after the next start; what is there was acknowledged, each once: who published
    was told so before the session ended."""
    path, sock = conf(f), f + "/n.sock"
    with daemon(path, f) as d:
        d.ready()
        with Wire(sock) as w:
            stream, raw = w.create("flood")
        writers = [Writer(sock, raw, k) for k in range(4)]
        told = []

        def enough():
            if not told and sum(len(w.acked) for w in writers) > 2000:
                told.append(d.signal(signal.SIGTERM))
        flood(writers, enough)
        equal(d.end(), 0, d.log())
    acked = [a for w in writers for a in w.acked]
    errors = [e for w in writers for e in w.errors]
    check(len(acked) < sum(w.sent for w in writers), "the flood went on while it stopped")
    check(all(e["code"] == "closed" and STOPPING in e["message"] for _, e in errors), errors[:3])
    equal(len([1 for id, _ in errors if id == 0]), 4, "each session was told why it ends")
    for w in writers:
        w.wire.sock.close()
    if not BDB:
        return
    with daemon(path, f) as d:
        d.ready()
        got = [(int(v[1:2]), int(v[3:-1])) for v in values_of(sock, stream)]
    equal(len(set(got)), len(got), "nothing twice")
    equal(set(acked) - set(got), set(), "acknowledged and lost")
    equal(set(got) - set(acked), set(), "there, and not acknowledged though the session ended orderly")


def a_slow_reader_gets_all(f):
    """More than any buffer holds is on its way to readers when the end comes: all of it arrives, then the reason."""
    path, sock = conf(f, "60s"), f + "/n.sock"
    with daemon(path, f) as d:
        d.ready()
        n = 60000
        stream, _ = fill(sock, n)
        readers = [Reader(sock, stream, 262144) for _ in range(3)]
        for r in readers:
            r.begun(8192)
        d.signal(signal.SIGTERM)
        d.wait_log(r"daemon: stopping")
        for r in readers:
            r.to_the_end()
            equal(r.next, n)
            equal([id for id, _ in r.errors], [0])
            check(STOPPING in r.errors[0][1]["message"], r.errors)
            r.wire.sock.close()
        equal(d.end(), 0, d.log())
        check("did not take" not in d.log(), d.log())


def one_that_never_reads(f):
    """It is waited for as long as the config says, nobody gets in meanwhile, and the others have all of theirs."""
    path, sock = conf(f, "2s"), f + "/n.sock"
    with daemon(path, f) as d:
        d.ready()
        n = 60000
        stream, _ = fill(sock, n)
        stuck, good = Reader(sock, stream, 1 << 24), Reader(sock, stream, 1 << 24).begun()
        began = time.monotonic()
        d.signal(signal.SIGTERM)
        d.wait_log(r"daemon: stopping")
        until(lambda: not os.path.exists(sock), "the socket to go")
        good.to_the_end()
        equal(good.next, n)
        check(d.process.poll() is None, "it still waits for the other one")
        good.wire.sock.close()
        equal(d.end(), 0, d.log())
        took = time.monotonic() - began
        check(took >= 1.9, took)
        d.wait_log(r"1 sessions " + CUT)
        stuck.wire.sock.close()


def nobody_is_waited_for(f):
    """stop_timeout 0s: what was published is kept, readers are cut off."""
    path, sock = conf(f, "0s"), f + "/n.sock"
    with daemon(path, f) as d:
        d.ready()
        stuck = Reader(sock, fill(sock, 60000)[0], 1 << 24).begun()
        d.signal(signal.SIGTERM)
        equal(d.end(), 0, d.log())
        d.wait_log(CUT)
        stuck.wire.sock.close()


def a_second_signal_does_not_drain(f):
    path, sock = conf(f, "10m"), f + "/n.sock"
    with daemon(path, f) as d:
        d.ready()
        stuck = Reader(sock, fill(sock, 60000)[0], 1 << 24).begun()
        d.signal(signal.SIGTERM)
        d.wait_log(r"daemon: stopping")
        d.signal(signal.SIGTERM)
        equal(d.end(), 4, d.log())
        check("a second signal: ending at once" in d.log(), d.log())
        stuck.wire.sock.close()


def idle_sessions_hold_nothing(f):
    """Programs that only stay connected, and one that has said nothing yet."""
    path, sock = conf(f, "60s"), f + "/n.sock"
    with daemon(path, f) as d:
        d.ready()
        stream, _ = fill(sock, 10)
        idle, silent = Wire(sock), Wire(sock, greet=False)
        reader = Reader(sock, stream, 65536)
        while reader.next < 10:
            reader.take()
        began = time.monotonic()
        d.signal(signal.SIGTERM)
        reader.to_the_end()
        equal([id for id, _ in reader.errors], [0])
        for w in (idle, reader.wire, silent):
            w.sock.close()
        equal(d.end(), 0, d.log())
        check(time.monotonic() - began < 30, "half of what it would wait for those who are to get something")
        check("did not take" not in d.log(), d.log())


main([a_flood_of_publishes, a_slow_reader_gets_all, one_that_never_reads, nobody_is_waited_for,
      a_second_signal_does_not_drain, idle_sessions_hold_nothing])
