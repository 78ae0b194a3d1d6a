# SPDX-License-Identifier: MIT
"""hostile.py — what a peer or a program must not be able to do to a node, on real daemons.
May touch: temporary folders; daemons of its own on free loopback ports."""
import json
import select
import socket
import threading

from tap import check, daemon, equal, main, until
from wire import ANSWER, DATA, ERROR, STATE, Wire, config, frame, frames, leb, unleb

TCP = ', "net": { "plugin": "tcp", "listen": "127.0.0.1:0" }'
SUBSCRIBER = ', "discovery": { "list": { "plugin": "static", "peers": { "*": [ "%s" ] } } }'


def serves(path):
    with Wire(path) as w:
        return w.ask("status")


def address(d):
    return "tcp://127.0.0.1:" + d.wait_log(r"ready, at.*tcp://127\.0\.0\.1:(\d+)").group(1)


class Between:
    """A relay before a node: what it sends passes `change`, which gets (kind, body) and returns bytes."""

    def __init__(self, to, change):
        self.to = to[len("tcp://"):].split(":")
        self.change = change
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            near, _ = self.listener.accept()
            threading.Thread(target=self.relay, args=(near,), daemon=True).start()

    def relay(self, near):
        far = socket.create_connection((self.to[0], int(self.to[1])))
        buffer = bytearray()
        try:
            while True:
                for s in select.select([near, far], [], [])[0]:
                    got = s.recv(65536)
                    if not got:
                        return
                    if s is near:
                        far.sendall(got)
                        continue
                    buffer += got
                    near.sendall(b"".join(self.change(k, b) for k, b in frames(buffer)))
        except OSError:
            pass
        finally:
            near.close()
            far.close()


def count_at(path, id):
    with Wire(path) as w:
        w.request(1, "head", stream=id)
        kind, body = w.want_id(1)
        return json.loads(body[unleb(body)[1]:]).get("count", -1) if kind == ANSWER else -1


# ---- programs ----

def two_follows_of_one_id(f):
    with daemon(config(f, "a"), f) as d:
        d.ready()
        with Wire(f + "/a.sock") as w, Wire(f + "/a.sock") as other:
            id, raw = w.create("s")
            base = w.publish(raw, 10**9, [b"1"])
            for _ in range(2):
                w.request(77, "follow", stream=id, from_time="0")
            # An id that waits for its answer ends the session, one of an open follow is refused.
            answer = w.want(lambda k, b: k == ERROR)
            check(unleb(answer[1])[0] in (0, 77), "an error of the session or of the follow: %r" % (answer,))
            w.sock.close()
            until(lambda: other.ask("status")["follows"] == 0, "the follow's end")
            other.publish(raw, base, [b"2"] * 3)
        serves(f + "/a.sock")
        equal(d.stop(), 0)


def many_follows_of_big_blocks(f):
    n = 400
    with daemon(config(f, "a"), f) as d:
        d.ready()
        with Wire(f + "/a.sock") as w:
            id, raw = w.create("s")
            w.publish(raw, 10**9, [b'"' + b"x" * 8000 + b'"'] * 300)
            for i in range(n):
                w.request(1000 + i, "follow", stream=id, until=16)
            ended = set()
            while len(ended) < n:
                kind, body = w.want(lambda k, b: k in (STATE, ERROR))
                follow, at = unleb(body)
                equal((kind, json.loads(body[at:]).get("end")), (STATE, "done"), body)
                ended.add(follow)
        equal(d.stop(), 0)


def many_answers_of_big_values(f):
    n = 3000
    with daemon(config(f, "a"), f) as d:
        d.ready()
        with Wire(f + "/a.sock") as w:
            id, raw = w.create("s")
            w.publish(raw, 10**9, [b'"' + b"x" * 16000 + b'"'] * 600)
            threading.Thread(target=lambda: [w.request(1000 + i, "at", stream=id, time=str(10**9 + 1 + i % 500))
                                             for i in range(n)], daemon=True).start()
            for i in range(n):
                kind, body = w.want(lambda k, b: k in (ANSWER, ERROR))
                equal(kind, ANSWER, body[:200])
        equal(d.stop(), 0)


# ---- providers ----

def pair(f, change, values, test):
    """A publisher with these values, a relay before it, and a subscriber that knows only the relay."""
    with daemon(config(f, "a", TCP), f) as a:
        relay = Between(address(a), change)
        with Wire(f + "/a.sock") as w:
            id, raw = w.create("s")
            w.publish(raw, 10**9, values)
        with daemon(config(f, "b", TCP, SUBSCRIBER % relay.address), f) as b:
            b.ready()
            with Wire(f + "/b.sock") as w:
                w.ask("subscribe", stream=id)
            test(a, b, id)
            check(b.process.poll() is None, "the subscriber has ended:\n", b.log()[-3000:])
            serves(f + "/b.sock")
            equal(b.stop(), 0)


def data_after_the_end(f):
    """A run comes once more when the history has come whole."""
    seen = {}

    def change(kind, body):
        if kind == DATA:
            seen["data"] = frame(kind, body)
        if kind == STATE and b'"end"' in body:
            seen["more"] = 20
        if kind == ANSWER and seen.get("more") and "data" in seen:
            seen["more"] -= 1
            return seen["data"] * 2 + frame(kind, body)
        return frame(kind, body)

    def test(a, b, id):
        until(lambda: count_at(f + "/b.sock", id) == 3000, "the whole history")
        until(lambda: "more" in seen, "the end of the history")
    pair(f, change, [b"1"] * 3000, test)


def an_end_too_early(f):
    """The first follow is ended by the provider before its time."""
    seen = {}

    def change(kind, body):
        if kind == DATA and not seen:
            follow, at = unleb(body)
            seen["first"] = follow
            return frame(kind, body) + frame(STATE, leb(follow) + b'{"end":"done","next":9}')
        if kind == DATA and unleb(body)[0] == seen["first"] and "again" not in seen:
            return b""
        if kind == ANSWER and b'"descriptor"' in body and seen:
            seen["again"] = 1
        return frame(kind, body)

    def test(a, b, id):
        until(lambda: count_at(f + "/b.sock", id) == 3000, "the whole history")
    pair(f, change, [b"1"] * 3000, test)


def small_blocks_before_a_big_one(f):
    """A block may need more credit than is left by what waits to be committed."""
    def test(a, b, id):
        until(lambda: count_at(f + "/b.sock", id) == 768, "the whole history")
    pair(f, frame, [b'"' + b"x" * 3900 + b'"'] * 256 + [b'"' + b"y" * 16382 + b'"'] * 512, test)


main([
    two_follows_of_one_id, many_follows_of_big_blocks, many_answers_of_big_values, data_after_the_end, an_end_too_early, small_blocks_before_a_big_one
])
