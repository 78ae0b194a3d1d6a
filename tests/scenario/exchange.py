# SPDX-License-Identifier: MIT
"""exchange.py — two real nodes: history, live tail, ends and starts of either, rights, a peer that lies.
May touch: temporary folders; daemons of its own on free loopback ports."""
import json
import os
import re
import socket
import struct
import subprocess
import threading

from fakenode import ANSWER, DATA, HEAD, HELLO, NODE, REQUEST, STATE, compact, frame, leb, unleb
from pair import Node, free_port, nodes, pair, same_head
from program import Program, Publisher, Reader
from tap import SRC, Failed, check, equal, main, runneld, until


# ---- programs at the nodes ----

class Feeder(Program):
    """Publishes 0, 1, 2, ... through `runnel publish STREAM -`; where its node goes away it goes on behind what is there."""

    def turn(self):
        head = self.node.head(self.stream)
        if head is None:  # the node is down
            self.ending.wait(0.02)
            return
        value = head["count"]
        with self.node.popen("publish", self.stream, "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL) as pipe:
            try:
                while not self.ending.wait(0.005) and pipe.poll() is None:
                    pipe.stdin.write("%d\n" % value)
                    pipe.stdin.flush()
                    value += 1
            except BrokenPipeError:
                pass
            try:
                pipe.stdin.close()
            except BrokenPipeError:
                pass


# ---- histories ----

def whole(one, two, stream, publisher, reader, least):
    """Ends the programs and holds against one another what was published, followed, stored and signed."""
    publisher.finish()
    count = same_head(one, two, stream)
    check(count >= least, "few observations:", count)
    until(lambda: len(reader.times) == count or reader.wrong, "the reader to have all %d" % count)
    reader.finish()
    equal(len(reader.times), count, "followed")
    ours, theirs = one.history(stream), two.history(stream)
    equal([o[0] for o in ours], list(range(count)), "the seqs at the author")
    equal([o[2] for o in ours], list(range(count)), "the values at the author")
    check(ours == theirs, "the histories differ")
    equal([o[1] for o in theirs], reader.times, "the times that were followed")
    for n in (one, two):
        check("whole and as signed" in n.tool("verify", stream))


def goes_on(reader, more=20):
    """Waits until observations that are made from now on arrive at the far end."""
    want = len(reader.times) + more
    until(lambda: len(reader.times) >= want or reader.wrong, "observation %d to arrive" % want)
    if reader.wrong:
        raise reader.wrong


def restarts(f, publisher, end):
    """Either node ends and starts three times each while data flows."""
    one, two = pair(f)
    with nodes(one, two):
        stream = one.create("numbers")
        two.tool("subscribe", stream)
        publisher, reader = publisher(one, stream), Reader(two, stream)
        publisher.start()
        reader.start()
        try:
            goes_on(reader)
            for node in (one, two) * 3:
                end(node)
                if node is two:
                    before = one.count(stream)
                    until(lambda: one.count(stream) > before + 5, "more to be published meanwhile")
                node.start()
                goes_on(reader)
            whole(one, two, stream, publisher, reader, 140)
        finally:
            for program in (publisher, reader):
                program.ending.set()
                if program.process:
                    program.process.terminate()


# ---- the tests ----

def either_stopped_three_times(f):
    restarts(f, Feeder, Node.stop)


def either_killed_three_times(f):
    restarts(f, Feeder, Node.kill)


def acknowledged_is_kept(f):
    """A program that repeats what was not acknowledged has each value once, whenever the node is killed."""
    restarts(f, Publisher, Node.kill)


def history_then_live(f):
    one, two = pair(f)
    with nodes(one, two):
        stream = one.create("numbers")
        one.tool("publish", stream, *map(str, range(1000)))
        two.tool("subscribe", stream)
        equal(same_head(one, two, stream), 1000)
        equal(two.head(stream)["live"], True)
        reader = Reader(two, stream)
        reader.start()
        try:
            one.tool("publish", stream, *map(str, range(1000, 1500)))
            until(lambda: len(reader.times) == 1500 or reader.wrong, "1500 observations")
        finally:
            reader.finish()
        equal(same_head(one, two, stream), 1500)
        equal(one.history(stream), two.history(stream))


def subscription_lasts_until_it_is_ended(f):
    one, two = pair(f)
    with nodes(one, two):
        stream, other = one.create("a"), one.create("b")
        for s in (stream, other):
            one.tool("publish", s, "1")
            equal(two.json("subscribe", s)["added"], True)
            equal(two.json("subscribe", s)["added"], False)
            same_head(one, two, s)
        two.stop()
        one.tool("publish", stream, "2")
        two.start()
        equal(same_head(one, two, stream), 2)
        equal(two.json("unsubscribe", stream)["removed"], True)
        equal(two.json("unsubscribe", stream)["removed"], False)
        one.tool("publish", stream, "3")
        one.tool("publish", other, "2")
        equal(same_head(one, two, other), 2)  # so node two has had time to hear of the first as well
        equal((two.count(stream), two.head(stream)["subscribed"]), (2, False))
        two.stop()
        two.start()
        one.tool("publish", other, "3")
        equal(same_head(one, two, other), 3)
        equal((two.count(stream), two.head(stream)["subscribed"]), (2, False))
        equal([o[2] for o in two.history(stream)], [1, 2], "what was fetched is kept")


def by_name_before_it_exists(f):
    """A name is enough, and the stream may be made later."""
    one, two = pair(f)
    with nodes(one, two):
        author = one.json("status")["node"]
        equal(two.json("subscribe", author + "/test/later/")["stream"], None)
        stream = one.create("later")
        one.tool("publish", stream, "1", "2")
        equal(same_head(one, two, stream), 2)


def strangers_may_only_read(f):
    """Over tcp nobody publishes, subscribes or looks into the node; who may not is told so."""
    port = free_port()
    one = Node(f, "one", port)
    with nodes(one):
        stream = one.create("numbers")
        one.tool("publish", stream, "1")
        far = "tcp://127.0.0.1:%d" % port
        for args in (["publish", stream, "2"], ["create", "--source", "x", "--stream", "y"], ["subscribe", stream],
                     ["unsubscribe", stream], ["verify", stream], ["peers"], ["plugins"],
                     ["drop", "--yes", stream]):
            code, out, err = one.run("--json", *args, address=far)
            equal((code, out), (1, ""), args)
            equal(json.loads(err)["error"]["code"], "denied", args)
        code, out, err = one.run("history", stream, "--format", "csv", address=far)
        equal((code, len(out.splitlines())), (0, 2), err)
        equal(one.count(stream), 1)
        equal(len(one.json("streams")["streams"]), 1)


def not_there(f):
    one, two = pair(f)
    with nodes(one, two):
        none = "00000000-0000-8000-8000-000000000000"
        for args in (["head", none], ["history", none], ["publish", none, "1"], ["follow", none], ["at", none, "now"]):
            code, out, err = one.run(*args)
            equal((code, out), (4, ""), args)
            check(err.startswith("runnel: ") and len(err.splitlines()) == 1, err)
        # A subscription may come before its stream.
        equal(two.json("subscribe", none)["added"], True)
        stream = one.create("mine")
        one.tool("publish", stream, "1")
        two.tool("subscribe", stream)
        same_head(one, two, stream)
        code, out, err = two.run("publish", stream, "2")
        check(code in (1, 4) and out == "", "only the author publishes:", code, out, err)
        equal(two.count(stream), 1)
        code, out, err = one.run("status", address="unix://%s/nobody" % f)
        equal((code, out), (3, ""), err)


def tcp_stays_on_loopback(f):
    for n, listen in enumerate(("0.0.0.0:24600", "[::]:24600", "192.0.2.1:24600")):
        path = os.path.join(f, "%d.conf" % n)
        with open(path, "w") as c:
            json.dump({"node": {"data": f + "/data"}, "storage": {"main": {"plugin": "memory"}},
                       "transport": {"net": {"plugin": "tcp", "listen": listen}}}, c)
        for args in (["-t"], []):
            code, out, err = runneld(*args, "-c", path)
            equal((code, out), (1, ""), err)
            check(err.startswith(path + ":1: transport.net") and "loopback" in err, err)
    check(not os.path.exists(f + "/data"), "nothing was made")


# ---- a peer that lies ----

def vector(file, kind, **fields):
    """The first line of that kind with these fields, from tests/vectors."""
    with open(os.path.join(SRC, "tests/vectors", file)) as f:
        for line in f:
            word, _, rest = line.rstrip("\n").partition(" ")
            text = re.search(r"(?:^| )text=(.*)", rest)
            found = dict(w.partition("=")[::2] for w in rest.split(" text=")[0].split(" ") if "=" in w)
            if text:
                found["text"] = text.group(1)
            if word == kind and all(found.get(k) == v for k, v in fields.items()):
                return found
    raise Failed("no such vector: %s %s %r" % (file, kind, fields))


# The stream of the vectors: the run that the head with count 3 signs.
BASE = -1000000000
RUN = [(0, b"0"), (0, b"1"), (250000000, b"4")]


def entries(run):
    return b"".join(leb(delta) + leb(len(value)) + value for delta, value in run)


class Peer:
    """Serves the stream of the vectors, by hand. What is given is said in place of what is true."""

    def __init__(self, head=None, seq=0, run=entries(RUN), author=None):
        descriptor = vector("descriptor.txt", "ok", name="plain")
        self.descriptor, self.stream = json.loads(descriptor["text"]), descriptor["id"]
        self.descriptor["author"] = author or self.descriptor["author"]
        self.head = head or true_head()
        self.data = leb(seq) + struct.pack("<q", BASE) + run
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = "tcp://127.0.0.1:%d" % self.server.getsockname()[1]
        self.asked = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        hello = {"runnel": [1], "node": NODE, "nonce": "5a" * 16, "agent": "peer"}
        try:
            with sock, sock.makefile("rb") as stream:
                sock.sendall(frame(HELLO, compact(hello).encode()))
                while True:
                    length = stream.read(4)
                    if len(length) < 4:
                        return
                    body = stream.read(int.from_bytes(length, "little"))
                    if body[0] == REQUEST:
                        sock.sendall(self.answer(body[1:]))
        except OSError:
            pass  # it was dropped

    def answer(self, body):
        id, at = unleb(body, 0)
        request = json.loads(body[at:])
        self.asked.append(request["method"])

        def say(kind, o):
            return frame(kind, leb(id) + compact(o).encode())
        if request["method"] == "head":
            return say(ANSWER, {"stream": self.stream, "descriptor": self.descriptor, "own": False, "subscribed": True,
                                "live": True, "count": 3, "state": "live", "head": self.head.hex(), "head_count": 3})
        if request["method"] != "follow":
            return say(ANSWER, {})
        out = say(ANSWER, {"stream": self.stream, "from": request.get("from", 0), "count": 3, "live": True})
        if request.get("from", 0) == 0:
            out += frame(DATA, leb(id) + self.data)
        if request.get("until") == 3:
            return out + say(STATE, {"end": "done", "next": 3})
        return out + frame(HEAD, leb(id) + self.head) + say(STATE, {"live": True, "next": 3})

    def close(self):
        self.server.close()


def true_head():
    return bytes.fromhex(vector("head.txt", "head", index="0", n="1")["bytes"])


def with_peer(f, name, then, **lie):
    peer = Peer(**lie)
    two = Node(f, name, peers=[peer.address])
    try:
        with nodes(two):
            two.tool("subscribe", peer.stream)
            then(two, peer)
    finally:
        peer.close()


def peer_that_is_honest(f):
    """Else the peers below would be refused for another reason than theirs."""
    def then(two, peer):
        try:
            until(lambda: two.count(peer.stream) == 3, "the observations to be taken")
        except Failed as e:
            raise Failed("%s: %r\n%s" % (e, peer.asked, two.log()))
        equal([(int(o[1]), o[2]) for o in two.history(peer.stream)],
              [(BASE, 0), (BASE, 1), (BASE + 250000000, 4)])
        check(" warn " not in two.log(), two.log())
    with_peer(f, "two", then)


def lied_to(what):
    """Nothing is stored, not even past a restart; the log says who and what; the peer is dropped."""
    def then(two, peer):
        two.daemon.wait_log(r"(?m)^\S+ warn .*%s.*%s" % (re.escape(peer.address), what))
        two.daemon.wait_log(r"session: %s.*: ended: " % re.escape(peer.address))
        equal(two.count(peer.stream), 0)
        two.stop()
        peer.close()
        two.start()
        equal(two.count(peer.stream), 0, "after a restart")
    return then


def peers_that_lie(f):
    head, run = true_head(), entries(RUN)
    lies = {
        "signature": (dict(head=head[:-1] + bytes([head[-1] ^ 4])), "sign"),
        "bit": (dict(run=entries(RUN[:2] + [(250000000, b"5")])), "root"),
        "gap": (dict(seq=1, run=entries(RUN[1:])), "a gap"),
        "foreign": (dict(author=NODE), "author"),
        "spelling": (dict(run=b"\x80\x00" + run[1:]), "LEB128"),
        "backwards": (dict(run=entries(RUN[:2] + [(2**64 - 1, b"4")])), "time"),
        "no-json": (dict(run=entries([(0, b"x")] + RUN[1:])), "value"),
    }
    for name, (lie, what) in lies.items():
        try:
            with_peer(f, name, lied_to(what), **lie)
        except Failed as e:
            raise Failed("%s: %s" % (name, e))


main([history_then_live, either_stopped_three_times, either_killed_three_times, acknowledged_is_kept,
      subscription_lasts_until_it_is_ended, by_name_before_it_exists, strangers_may_only_read, not_there,
      tcp_stays_on_loopback, peer_that_is_honest, peers_that_lie])
