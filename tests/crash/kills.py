#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kills.py — a publisher under load is killed again and again, with and without its disk; see run.
May touch: temporary folders; the daemons that it starts and kills.

A town is a publisher, a subscriber that follows all of its streams over tcp, programs at both. In each
of its lives the publisher takes publishes, many in flight, on several streams, until it is killed at a random
moment or at a random change of its files. Then, mostly, power fails too: a part of what was not synced is
gone, drawn from a seed. Started without peers it must hold all that it ever told anybody: acknowledged
publishes and streams, what readers at it saw, what the subscriber holds, and every head's root. At the end
of a town both must have equal heads. The subscriber is killed now and then too; its promise is that its
subscriptions stay, and that what it holds is the author's.
"""
import os
import random
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from node import Failed, Fork, Ledger, Lost, Node, Program, check, clean, read_node, until  # noqa: E402
from pair import free_port  # noqa: E402
from tap import BUILD, folder  # noqa: E402
from wire import Wire  # noqa: E402

LIVES = 20  # kills of one town
STREAMS = 4


class Town:
    def __init__(self, folder, seed):
        self.rng = random.Random(seed)
        self.ledger = Ledger()  # what the publisher told
        self.subscribed = set()
        self.kills = self.subscriber_kills = self.serial = 0
        port = free_port()
        self.a = Node(folder, "a", port)
        self.b = Node(folder, "b", peers=["tcp://127.0.0.1:%d" % port])

    # ---- load ----

    def value(self):
        """No two are alike; some are big, so that the log grows over a file's end now and then."""
        self.serial += 1
        size = self.rng.choice((0, 0, 0, 20, 200, 2000, 15000))
        return b'"%d-%s"' % (self.serial, bytes(self.rng.choices(b"abcdefgh", k=min(size, 20))) * (size // 20))

    def publish_some(self, p):
        stream = self.rng.choice(sorted(self.ledger.streams))
        values = [self.value() for _ in range(self.rng.choice((1, 1, 2, 30)))]
        while sum(map(len, values)) > 60000:
            values.pop()
        p.publish_later(stream, values)

    def load(self, p, seconds):
        """Publishes for so long, or until the node is dead."""
        window = self.rng.choice((1, 8, 64))
        end = time.monotonic() + seconds
        followed = set()
        while not p.dead and time.monotonic() < end:
            for stream in sorted(set(self.ledger.streams) - followed):
                followed.add(stream)
                p.follow_later(stream, self.ledger.of(stream).count())
            if len(self.ledger.streams) + len(p.creating) < self.rng.randint(1, STREAMS) and len(p.creating) < 2:
                p.create_later("s%d" % (len(self.ledger.streams) + len(p.creating)))
            for _ in range(window - len(p.flying) if self.ledger.streams else 0):
                self.publish_some(p)
            p.pump(0.005)
            check(not p.refused, p.refused)

    def subscribe(self):
        """The subscriber is told of streams that it does not follow yet."""
        if not self.b.running():
            return
        with Wire(self.b.sock) as w:
            for stream in sorted(set(self.ledger.streams) - self.subscribed):
                w.ask("subscribe", stream=stream)
                self.subscribed.add(stream)

    # ---- one life ----

    def live(self):
        """One life of the publisher, to its violent end."""
        shim = {"SYNC_US": self.rng.choice((0, 300, 3000))}
        if self.rng.random() < 0.4:
            shim["AT"] = "%d%s" % (self.rng.randint(1, 200), self.rng.choice(("", "+")))
        if self.a.start(**shim):
            try:
                p = Program(self.a.sock, self.ledger)
            except (ConnectionError, Failed):
                p = None  # it has just died
            if p:
                self.subscribe()
                self.load(p, self.rng.uniform(0.0, 0.4))
                self.a.kill()
                p.drain()
                p.sock.close()
                return
        self.a.kill()

    def power(self, node):
        """Mostly it fails. Where nobody knows what came of a change it must."""
        if node.disk.unsure is not None or self.rng.random() < 0.75:
            node.disk.crash(self.rng.choice(("drop", "moment", "mix", "mix")), self.rng)

    def recover(self):
        """What the publisher has is held against what it told; starts of it may be killed too."""
        while True:
            shim = {"AT": self.rng.randint(1, 60)} if self.rng.random() < 0.25 else {}
            if not self.a.check_alone(self.ledger, **shim):
                self.kills += 1
                self.power(self.a)
                continue
            if self.rng.random() < 0.5:
                self.a.kill()
                self.kills += 1
                self.power(self.a)
            else:
                self.a.stop()
            return

    def look_at_subscriber(self):
        """What it holds has left the publisher."""
        told = Ledger()
        told.compare("b", read_node(self.b.sock))
        for stream, known in told.streams.items():
            mine = self.ledger.of(stream)
            for seq, value in known.values.items():
                mine.add(seq, value, known.times[seq])
            for count, root in known.heads.items():
                mine.add_head(count, root)

    def kill_subscriber(self):
        self.b.kill()
        self.subscriber_kills += 1
        self.power(self.b)
        self.b.start()
        with Wire(self.b.sock) as w:
            left = w.ask("status")["subscriptions"]
            if left != len(self.subscribed):
                raise Lost("b: %d of %d subscriptions are left" % (left, len(self.subscribed)))

    def play(self, lives):
        self.b.start()
        for _ in range(lives):
            self.live()
            self.kills += 1
            if self.rng.random() < 0.2:
                self.kill_subscriber()
            self.look_at_subscriber()
            self.power(self.a)
            self.recover()
        self.part()

    def part(self):
        """In peace both have the same."""
        self.a.start()
        self.subscribe()
        until(self.same, "equal heads:\n%s\n%s" % (self.a.daemon.log(), self.b.daemon.log()))
        self.look_at_subscriber()
        self.ledger.compare("a", read_node(self.a.sock))
        self.a.stop()
        self.b.stop()
        for node in (self.a, self.b):
            node.disk.crash("drop", self.rng)
        check(self.a.check_alone(self.ledger), "it died")
        self.a.stop()

    def same(self):
        with Wire(self.a.sock) as a, Wire(self.b.sock) as b:
            if b.ask("status")["streams"] < len(self.ledger.streams):
                time.sleep(0.02)  # it has not fetched every descriptor yet
                return False
            for stream in sorted(self.ledger.streams):
                x, y = a.ask("head", stream=stream), b.ask("head", stream=stream)
                if y["state"] != "live" or (x["count"], x["root"]) != (y["count"], y.get("root")):
                    time.sleep(0.02)
                    return False
        return True


class Counts:
    def __init__(self):
        self.kills = self.subscriber_kills = self.dropped = self.acknowledged = self.lost = self.forks = self.failed = 0

    def add(self, town):
        self.kills += town.kills
        self.subscriber_kills += town.subscriber_kills
        self.dropped += town.a.disk.dropped + town.b.disk.dropped
        self.acknowledged += town.ledger.acknowledged

    def __str__(self):
        return ("%d kills (and %d of the subscriber), %d changes dropped, %d observations acknowledged, %d lost, %d forks" %
                (self.kills, self.subscriber_kills, self.dropped, self.acknowledged, self.lost, self.forks))


def keep(f, seed):
    """Leaves the evidence in the build folder."""
    to = os.path.join(BUILD, "tests/crash/failed-%d" % seed)
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(f, to, ignore=lambda d, names: [n for n in names if n == "sock"])
    return to


def one_town(seed, lives, counts, say=print):
    """Whether nothing was found."""
    with folder() as f:
        town = Town(f, seed)
        try:
            town.play(lives)
            return True
        except Exception as e:
            counts.lost += isinstance(e, Lost)
            counts.forks += isinstance(e, Fork)
            counts.failed += 1
            say("FAILED: %s: %s\nin life %d; what is left: %s\nto see it again: RUNNEL_BUILD=%s %s %d %d" %
                (type(e).__name__, e, town.kills, keep(f, seed), BUILD,
                 os.path.join(os.path.dirname(os.path.abspath(__file__)), "run"), lives, seed))
            return False
        finally:
            clean(town.a, town.b)
            counts.add(town)


def run(kills, seed, say=print, patience=3):
    """Towns until there were so many kills, or `patience` of them have failed. The counts."""
    counts = Counts()
    while counts.kills < kills and counts.failed < patience:
        one_town(seed, min(LIVES, kills - counts.kills), counts, say)
        seed += 1
        if counts.kills % 500 < LIVES:
            say("%s" % counts)
    return counts


if __name__ == "__main__":
    try:
        wanted = int(sys.argv[1])
        first = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    except (IndexError, ValueError):
        sys.exit("Usage: tests/crash/run KILLS [SEED]")
    result = run(wanted, first, lambda text: print(text, flush=True))
    print("seed %d: %s" % (first, result))
    sys.exit(result.failed > 0)
