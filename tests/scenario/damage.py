# SPDX-License-Identifier: MIT
"""damage.py — a disk that alters what it keeps: the right data come, or damage is reported; never a wrong value.
May touch: temporary folders; daemons of its own on free loopback ports."""
import json
import os
import random
import re
import shutil

from pair import Node, nodes, pair, same_head
from tap import Daemon, check, equal, main, until

PER_BLOCK = 256
REPORTS = re.compile(r"damage|altered|not what was signed|is missing|cannot be opened|aside")


def value(stream, i):
    return '"%s-%05d-%s"' % (stream, i, "abcdefgh"[: i % 8])


def publish(node, stream, name, n, first=0):
    with node.popen("publish", stream, "-", stdin=-1, stdout=-1, stderr=-1) as p:
        out, err = p.communicate("".join(value(name, i) + "\n" for i in range(first, first + n)))
        equal(p.returncode, 0, err)


def values(text):
    return [json.dumps(json.loads(line)["value"]) for line in text.split("\n") if line]


def records(node):
    found = [os.path.join(at, name) for at, _, names in os.walk(node.folder + "/data") for name in names
             if name == "records.db" and os.path.basename(at) == "storage-main"]
    equal(len(found), 1, found)
    return found[0]


def flip(path, needle, bit=3, within=3):
    """Flips a bit of every place where the bytes stand; how many there are."""
    with open(path, "rb") as f:
        data = bytearray(f.read())
    places = [m.start() for m in re.finditer(re.escape(needle), bytes(data))]
    for at in places:
        data[at + within] ^= 1 << bit
    with open(path, "r+b") as f:
        f.write(data)
    return len(places)


def received(node):
    return sum(p["received"] for p in node.json("peers")["peers"])


# ---- tests ----

def mended_from_a_peer(f):
    """A block of a publisher from its subscriber, and the other way round; only that block is fetched."""
    n = 40 * PER_BLOCK + 100
    one, two = pair(f)
    with nodes(one, two):
        stream = one.create("s")
        other = one.create("other")
        publish(one, stream, "s", n)
        publish(one, other, "o", 600)
        two.tool("subscribe", stream)
        two.tool("subscribe", other)
        same_head(one, two, stream)
        same_head(one, two, other)
        for hurt, helper in ((one, two), (two, one)):
            hurt.stop()
            check(flip(records(hurt), value("s", 7 * PER_BLOCK + 50).encode()) > 0, "the value is not in the file")
            hurt.start()
            until(lambda: any(p["state"] == "open" for p in hurt.json("peers")["peers"]), "the two find one another")
            if hurt is two:  # it comes to rest, so that what is received is the block's
                until(lambda: hurt.head(stream)["live"] and hurt.head(other)["live"], "live again")
            before = received(hurt)
            equal(values(hurt.tool("history", other, "--format", "ndjson")), [value("o", i) for i in range(600)])
            equal(values(hurt.tool("history", stream, "--format", "ndjson")), [value("s", i) for i in range(n)])
            m = hurt.daemon.wait_log(r"stream %s: block 7 \(#1792 to #2047\) is whole again, fetched from .*: "
                                     r"1 of its \d+ bytes differed, the first is byte \d+" % stream)
            check(received(hurt) - before < 3 * PER_BLOCK * 20 + 4096, "more than a block came:", received(hurt) - before,
                  m.group(0))
            equal(hurt.run("verify", stream)[0], 0)
            out = hurt.tool("fsck")  # what was set aside is shown, and is no damage
            check("block 7" in out and "set aside" in out, out)
            hurt.tool("fsck", "--mend")
            check("set aside" not in hurt.tool("fsck"), "it is still there")
            equal(helper.count(stream), n)


def without_a_peer(f):
    """The block is named, with its observations, and what to do; all else is served."""
    node = Node(f, "alone")
    with nodes(node):
        stream = node.create("s")
        publish(node, stream, "s", 1000)
        node.stop()
        check(flip(records(node), value("s", 300).encode()) > 0, "the value is not in the file")
        node.start()
        code, out, err = node.run("history", stream, "--format", "ndjson")
        check(code != 0, "history succeeds")
        equal(values(out), [value("s", i) for i in range(256)])
        for word in (stream, "block 1", "#256 to #511", "no peer"):
            check(word in err, word, "in", err)
        equal(values(node.tool("history", stream, "--format", "ndjson", "--from", "#512")),
              [value("s", i) for i in range(512, 1000)])
        code, out, err = node.run("verify")
        equal(code, 5, out + err)
        check("block 1, from #256 on" in out and "peer" in out, out)
        code, out, err = node.run("fsck")
        equal(code, 5, out + err)
        publish(node, stream, "s", 10, 1000)  # and it goes on
        equal(node.count(stream), 1010)


def the_newest_block_without_a_peer(f):
    """What was signed last is left out at start: verify says so, and does not call the rest the whole."""
    node = Node(f, "alone")
    with nodes(node):
        stream = node.create("s")
        publish(node, stream, "s", 1000)
        node.stop()
        check(flip(records(node), value("s", 900).encode()) > 0, "the value is not in the file")
        node.start()
        equal(values(node.tool("history", stream, "--format", "ndjson")), [value("s", i) for i in range(768)])
        code, out, err = node.run("verify", stream)
        equal(code, 5, out + err)
        check("block 3, from #768 on: the observations #768 to #999 were signed" in out and "backup" in out, out)


def a_store_that_cannot_be_opened(f):
    """It is moved aside; an author gets its own streams from whoever has them, and goes on; so does a subscriber."""
    one, two = pair(f)
    n = 3000
    with nodes(one, two):
        stream = one.create("s")
        publish(one, stream, "s", n)
        two.tool("subscribe", stream)
        same_head(one, two, stream)
        for hurt in (one, two):
            hurt.stop()
            os.truncate(records(hurt), 4096)
            hurt.start()
            hurt.daemon.wait_log(r"aside")
            if hurt is two:  # its subscriptions were in there
                two.tool("subscribe", stream)
            until(lambda: hurt.count(stream) == n, "all is there again:\n" + hurt.log())
            equal(values(hurt.tool("history", stream, "--format", "ndjson")), [value("s", i) for i in range(n)])
            if hurt is one:  # no discovery names a peer that could speak for it
                check(one.run("publish", stream, value("s", n))[0] != 0, "it publishes before it is confirmed")
                one.tool("identity", "confirm")
            until(lambda: one.run("publish", stream, value("s", n))[0] == 0, "it publishes again:\n" + one.log())
            n += 1
            equal(same_head(one, two, stream), n)


class Store:
    """A node's folder that is brought back before each case."""

    def __init__(self, f):
        self.node = Node(f, "n")
        self.counts = {}
        with nodes(self.node):
            for name, n in (("a", 300), ("b", 3000), ("c", 5), ("d", 0)):
                stream = self.node.create(name)
                if n:
                    publish(self.node, stream, name, n)
                self.counts[stream] = (name, n)
            self.node.stop()
        self.saved = f + "/saved"
        shutil.copytree(self.node.folder + "/data", self.saved)
        self.path = os.path.relpath(records(self.node), self.node.folder + "/data")
        with open(os.path.join(self.saved, self.path), "rb") as r:
            self.data = r.read()
        self.whole = self.reported = self.refused = 0

    def case(self, data, what):
        """Starts on an altered file, reads all; each answer is right, or says that there is damage."""
        folder = self.node.folder + "/data"
        shutil.rmtree(folder)
        shutil.copytree(self.saved, folder)
        with open(os.path.join(folder, self.path), "wb") as r:
            r.write(data)
        self.node.daemon = d = Daemon(self.node.config, self.node.folder)
        try:
            up = until(lambda: "daemon: ready" in d.log() or (d.process.poll() is not None and "gone"),
                       "%s: ready, or an end:\n%s" % (what, d.log()))
            if up == "gone":
                check(d.process.returncode > 0, what, "killed by", d.process.returncode, d.log())
                check(REPORTS.search(d.log()), what, d.log())
                self.refused += 1
                return
            whole = all([self.read(stream, name, n, what) for stream, (name, n) in self.counts.items()])
            if whole:
                self.whole += 1
            else:
                self.reported += 1
            check(d.process.poll() is None, what, "it ended while it served", d.log())
            equal(d.stop(), 0, what + d.log())
        finally:
            if d.process.poll() is None:
                d.process.kill()
                d.process.wait()

    def read(self, stream, name, n, what):
        code, out, err = self.node.run("history", stream, "--format", "ndjson")
        got = values(out)
        equal(got, [value(name, i) for i in range(len(got))], what)
        if code == 0 and len(got) == n:
            return True
        said = err + self.node.log()
        check(REPORTS.search(said), what, stream, len(got), said)
        return False

    def tell(self):
        return "%d whole, %d reported, %d refused" % (self.whole, self.reported, self.refused)


def every_bit_of_a_value(f):
    store = Store(f)
    needle = value("c", 3).encode()  # in the newest block, which the start reads
    places = [m.start() for m in re.finditer(re.escape(needle), store.data)]
    check(places, "the value is not in the file")
    for bit in range(8 * len(needle)):
        data = bytearray(store.data)
        for at in places:
            data[at + bit // 8] ^= 1 << bit % 8
        store.case(bytes(data), "bit %d" % bit)
    print("# every bit of a value:", store.tell())
    equal(store.whole + store.refused, 0)


def bits_anywhere(f):
    store, r = Store(f), random.Random(20)
    for _ in range(60):
        bit = r.randrange(8 * len(store.data))
        data = bytearray(store.data)
        data[bit // 8] ^= 1 << bit % 8
        store.case(bytes(data), "bit %d of byte %d" % (bit % 8, bit // 8))
    print("# bits anywhere:", store.tell())


def cut_at_every_page(f):
    store = Store(f)
    for at in range(0, len(store.data), 4096):
        store.case(store.data[:at], "cut at %d" % at)
    print("# cut at every page:", store.tell())


main([mended_from_a_peer, without_a_peer, the_newest_block_without_a_peer, a_store_that_cannot_be_opened,
      every_bit_of_a_value, bits_anywhere, cut_at_every_page])
