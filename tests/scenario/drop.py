# SPDX-License-Identifier: MIT
"""drop.py — runnel drop on real daemons: it asks, what goes stays gone, what others hold stays.
May touch: temporary folders; daemons of its own on free loopback ports."""
import contextlib
import os
import pty
import subprocess

from pair import RUNNEL, nodes, pair, same_head
from tap import DEADLINE, check, environment, equal, main, until


def fill(node, stream, n):
    p = node.popen("publish", stream, "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = p.communicate("".join("%d\n" % i for i in range(n)), timeout=DEADLINE)
    equal(p.returncode, 0, out)


def at_a_terminal(node, typed, *args):
    """Runs the tool at a terminal of its own, where `typed` is typed: (exit code, all that was shown)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(RUNNEL, [RUNNEL, "--node", node.address, *args], environment())
    shown = b""
    try:
        os.write(fd, typed.encode())
        while True:
            try:
                got = os.read(fd, 4096)
            except OSError:  # the other side is closed
                break
            if not got:
                break
            shown += got
    finally:
        os.close(fd)
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), shown.decode().replace("\r\n", "\n")


@contextlib.contextmanager
def both_hold(f, count):
    """A publisher, a subscriber, and a stream of which both hold so many."""
    one, two = pair(f)
    with nodes(one, two):
        stream = one.create("numbers")
        fill(one, stream, count)
        two.tool("subscribe", stream)
        same_head(one, two, stream)
        yield one, two, stream


def asks_first(f):
    with both_hold(f, 1234) as (one, two, stream):
        for args in (["drop", stream], ["--json", "drop", stream]):
            code, out, err = one.run(*args)
            equal((code, out), (2, ""))
            check("--yes" in err and stream in err, err)
        for typed in ("no\n", "\n", "y\n", "yes please\n", "Yes\n", "\x04"):
            code, shown = at_a_terminal(one, typed, "drop", stream)
            equal(code, 1, shown)
            check("nothing was dropped" in shown, shown)
        check("test/numbers" in shown and stream in shown and "1,234 observations, a stream of this node" in shown, shown)
        check("cannot be made again" in shown, shown)
        equal(one.count(stream), 1234)
        code, shown = at_a_terminal(two, "no\n", "drop", stream)
        check("fetched from others and followed" in shown and "ends the subscription" in shown, shown)
        code, shown = at_a_terminal(one, "yes\n", "drop", stream)
        equal(code, 0, shown)
        check("dropped %s with 1234 observations" % stream in shown, shown)


def own_is_gone_for_good(f):
    with both_hold(f, 3000) as (one, two, stream):
        before = two.history(stream)
        equal(one.json("drop", stream, "--yes"), {"stream": stream, "own": True, "count": 3000})
        one.daemon.wait_log(r"a dropped stream has been erased")
        for _ in range(2):
            code, out, err = one.run("create", "--source", "test", "--stream", "numbers")
            equal((code, out), (1, ""))
            check("was dropped here at 3000 observations on 20" in err and "prior" in err, err)
            equal(one.run("head", stream)[0], 4)
            equal(one.run("publish", stream, "1")[0], 4)
            equal(one.json("streams")["streams"], [])
            one.stop()
            one.start()
        equal(two.history(stream), before)
        other = one.create("others")
        fill(one, other, 10)
        equal(one.count(other), 10)


def others_come_back_when_asked_for(f):
    with both_hold(f, 3000) as (one, two, stream):
        reader = two.popen("follow", stream, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until(lambda: two.json("status")["follows"] > 0, "the reader's follow")
        equal(two.json("drop", "--yes", stream), {"stream": stream, "own": False, "count": 3000})
        _, err = reader.communicate(timeout=DEADLINE)
        check(reader.returncode != 0 and "has been dropped here" in err, reader.returncode, err)
        status = two.json("status")
        equal((status["streams"], status["subscriptions"]), (0, 0))
        two.kill()  # whatever was erased until now
        two.start()
        equal(two.json("streams")["streams"], [])
        two.tool("subscribe", stream)
        equal(same_head(one, two, stream), 3000)
        equal(two.json("verify", stream)["ok"], True)
        equal(two.history(stream), one.history(stream))


main([asks_first, own_is_gone_for_good, others_come_back_when_asked_for])
