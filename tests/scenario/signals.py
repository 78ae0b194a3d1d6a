# SPDX-License-Identifier: MIT
"""signals.py — runneld is told to end when it is not ready for it: in its start, in its stop.
May touch: temporary folders; daemons of its own on free loopback ports."""
import os
import random
import shutil
import signal
import time

from pair import Node, nodes
from tap import BUILD, Daemon, check, daemon, environment, equal, main, until

SECOND = r"a second signal: ending at once"


def start(folder, engine, *args):
    """A daemon whose store is such an engine."""
    shutil.copy("%s/tests/scenario/.libs/fake-%s.so" % (BUILD, engine), "%s/storage-%s.so" % (folder, engine))
    path = os.path.join(folder, engine + ".conf")
    with open(path, "w") as f:
        f.write("""{ "node": { "data": "%s/%s" }, "storage": { "main": { "plugin": "%s" } },
  "transport": { "local": { "plugin": "unix", "path": "%s/%s.sock" } } }""" %
                (folder, engine, engine, folder, engine))
    return daemon(path, folder, *args, env=environment(RUNNEL_PLUGIN_PATH=BUILD + "::" + folder))


def in_a_start_that_waits(f):
    """The store does not answer: the node is not up, and ends all the same, orderly."""
    for number in (signal.SIGTERM, signal.SIGINT):
        with start(f, "silent") as d:
            d.wait_log(r"daemon: node ")
            until(lambda: handled(d, number), "a handler for the signal")
            d.signal(number)
            equal(d.end(), 0, d.log())
            check("daemon: stopping (%s)" % signal.Signals(number).name in d.log(), d.log())
            check("daemon: stopped\n" in d.log() and "ready" not in d.log(), d.log())


def handled(d, number):
    """Whether the daemon has a handler for a signal."""
    with open("/proc/%d/status" % d.process.pid) as f:
        for line in f:
            if line.startswith("SigCgt:"):
                return int(line.split()[1], 16) >> (number - 1) & 1
    return 0


def a_second_one_ends_at_once(f):
    term, interrupt = signal.SIGTERM, signal.SIGINT
    for first, second in ((term, term), (term, interrupt), (interrupt, term)):
        with start(f, "stuck") as d:
            d.wait_log(r"daemon: node ")
            until(lambda: handled(d, signal.SIGINT), "a handler for the signals")
            d.signal(first)
            d.wait_log(r"daemon: stopping")
            d.signal(second)
            equal(d.end(), 4, d.log())
            check(SECOND in d.log(), d.log())


def anywhere_in_a_start(f):
    """Told to end at random moments of its start: it ends orderly, or by the signal before it could handle one; what
    it keeps is whole."""
    r = random.Random(int(os.environ.get("RUNNEL_SEED", "1")))
    n = Node(f, "n")
    with nodes(n):
        stream = n.create("s")
        n.tool("publish", stream, "1", "2", "3")
        begun = time.monotonic()
        n.stop()
        n.start()
        span = time.monotonic() - begun
        n.stop()
        codes = set()
        for _ in range(30):
            n.daemon = Daemon(n.config, n.folder)
            time.sleep(r.random() * span)  # a random point: each is right
            n.daemon.signal(signal.SIGTERM)
            code = n.daemon.end()
            check(code in (0, -signal.SIGTERM), code, n.log())
            check(code or "daemon: stopped\n" in n.log(), n.log())
            codes.add(code)
        check(0 in codes, codes)
        n.start()
        equal([v for _, _, v in n.history(stream)], [1, 2, 3])
        n.tool("publish", stream, "4")
        n.tool("verify", stream)


main([in_a_start_that_waits, a_second_one_ends_at_once, anywhere_in_a_start])
