#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""each.py — a short life of a node, killed at every single change of its files, one after the other.
May touch: temporary folders; the daemons that it starts and kills.

A node starts in an empty folder, makes its identity, two streams, publishes, and stops. It is killed before
its 1st, 2nd, 3rd … change or sync until a life passes without. Nothing that was acknowledged or shown may be
missing afterwards; then the node must go on.

    drop   power fails with the kill: all that was not synced is gone
    mix    the same, a drawn part of it is gone
    again  the program dies alone, another one starts, shows what it finds and goes on; then power fails
    stop   power fails after an orderly end

    each.py              without "mix"; --all: with it
    each.py WAY N [SEED] one kill (0: none, a stop)
"""
import concurrent.futures
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from node import Failed, Ledger, Node, Program, check, clean, until  # noqa: E402
from tap import folder, main  # noqa: E402

WAYS = ("drop", "mix", "again")


def short_life(node, ledger, **shim):
    """Whether it has ended by itself."""
    if node.start(node.alone, **shim):
        p = Program(node.sock, ledger)
        try:
            work(p, ledger)
        finally:
            p.sock.close()
        if not p.dead:
            return node.stop() == 0
    node.kill()
    return False


def work(p, ledger):
    def settled():
        p.pump(0.05)
        check(not p.refused, p.refused)
        return p.dead or not (p.creating or p.flying)
    for name in ("one", "two"):
        p.create_later(name)
        until(settled, "the stream to be made")
    streams = sorted(ledger.streams)
    for n in range(3):
        if not p.dead and len(streams) == 2:
            p.publish_later(streams[0], [b'"%d"' % n] * 2)
            p.publish_later(streams[1], [b'"%d"' % n])
            p.publish_later(streams[1], [b'"%d, another"' % n])
            until(settled, "the acknowledgement")


def goes_on(node, ledger):
    """A node that runs takes what it is given."""
    p = Program(node.sock, ledger)
    try:
        p.create_later("after")
        until(lambda: p.pump(0.05) or p.dead or not p.creating, "a stream to be made")
        check(not p.dead and not p.refused, p.refused)
        for stream in sorted(ledger.streams):
            p.publish_later(stream, [b"1"])
        until(lambda: p.pump(0.05) or p.dead or not p.flying, "an acknowledgement")
        check(not p.dead and not p.refused, p.refused)
    finally:
        p.sock.close()


def check_notes(node, ledger):
    """The storage's note must say that there is one once something was acknowledged, and the identity that it has
    had one: else an empty one in its place would pass for it."""
    path = node.disk.path + "/data/storage-main/lock"
    if ledger.streams:
        words = open(path).read().split() if os.path.exists(path) else []
        check(words[1:2] in (["open"], ["closed"]), "the note of the storage is lost:", words)
        words = open(node.identity).read().split()[2:] if os.path.exists(node.identity) else ["no identity"]
        check(words == ["used"], "the identity's note that it has had a store is lost:", words)


def one(n, way, deaf=None, programs=(None, None), seed=0):
    """One life, killed at its nth change (0: not at all). Whether it was killed."""
    with folder() as f:
        os.makedirs(f + "/a/disk/keys")  # apart, so that nobody else syncs the identity's name
        node, ledger = Node(f, "a", identity="keys/identity"), Ledger()
        node.deaf, (node.runneld, node.plugins) = deaf, programs
        try:
            ended = short_life(node, ledger, **({"AT": n} if n else {}))
            rng = random.Random(1000003 * seed + n)
            if way == "again":
                check(node.check_alone(ledger), "it died")
                goes_on(node, ledger)
                node.kill()
            node.disk.crash("mix" if way == "mix" else "drop", rng)
            check_notes(node, ledger)
            check(node.check_alone(ledger), "it died")
            goes_on(node, ledger)
            node.stop()
            node.disk.crash("drop", rng)
            check(node.check_alone(ledger), "it died")
            node.kill()
            return not ended
        except Exception as e:
            command = "tests/crash/each.py %s %d" % (way, n) + (" %d" % seed if seed else "")
            raise Failed("%s\nthe node's log:\n%s\nto see it again: RUNNEL_BUILD=%s %s" %
                         (e, open(node.folder + "/log").read(), os.environ.get("RUNNEL_BUILD", "."), command)) from e
        finally:
            clean(node)


def all_of(way, jobs=2, seeds=1, **more):
    """Enumerates, so many times; how many kills it took."""
    return sum(all_once(way, jobs, seed, **more) for seed in range(seeds))


def all_once(way, jobs, seed, **more):
    killed, n, over = 0, 1, False
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        while not over:
            for was in pool.map(lambda k: one(k, way, seed=seed, **more), range(n, n + 2 * jobs)):
                killed += was
                over = over or not was
            n += 2 * jobs
    check(killed > 20, "only", killed, "kills: the shim does not see the node's files")
    print("# %s: killed at each of %d changes" % (way, killed))
    return killed


def killed_at_each_change_and_all_unsynced_is_gone(_):
    all_of("drop")


def killed_at_each_change_and_a_part_is_gone(_):
    all_of("mix")


def killed_at_each_change_and_again_later(_):
    all_of("again")


def power_fails_after_the_end(_):
    check(not one(0, "drop"), "it was killed")


if __name__ == "__main__":
    quick = [power_fails_after_the_end, killed_at_each_change_and_all_unsynced_is_gone, killed_at_each_change_and_again_later]
    if len(sys.argv) > 2:
        print("killed" if one(int(sys.argv[2]), sys.argv[1], seed=int((sys.argv[3:] or ["0"])[0])) else "not killed")
    else:
        main(quick + ([killed_at_each_change_and_a_part_is_gone] if sys.argv[1:] == ["--all"] else []))
