#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""rotated.py — the log goes on in a new file while publishes are acknowledged; power fails then.
May touch: temporary folders; the daemons that it starts and kills."""
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from node import Failed, Ledger, Node, Program, check, clean, until  # noqa: E402
from tap import folder, main  # noqa: E402


def newest_log(node):
    names = os.listdir(node.disk.path + "/data/storage-main")
    return max(int(n[4:]) for n in names if n.startswith("log."))


def fill(p, stream, values, n):
    """Publishes until so many were acknowledged."""
    for _ in range(n):
        p.publish_later(stream, values)
        until(lambda: p.pump(0.05) or not p.flying, "an acknowledgement")
        check(not p.dead and not p.refused, p.refused)


def one(deaf=None, programs=(None, None)):
    with folder() as f:
        node, ledger = Node(f, "a"), Ledger()
        node.deaf, (node.runneld, node.plugins) = deaf, programs
        try:
            node.start(node.alone)
            p = Program(node.sock, ledger)
            p.create_later("big")
            until(lambda: p.pump(0.05) or ledger.streams, "a stream")
            stream = next(iter(ledger.streams))
            big = [b'"%s"' % (b"x" * 16000)] * 3
            while newest_log(node) < 3:
                before = newest_log(node)
                fill(p, stream, big, 1)
                if newest_log(node) > before:
                    fill(p, stream, [b"1"], 3)
            fill(p, stream, [b"1"], 3)
            node.kill()
            p.sock.close()
            node.disk.crash("drop", random.Random(1))
            check(node.check_alone(ledger), "it died")
            node.kill()
        except Exception as e:
            raise Failed("%s\nthe node's log:\n%s" % (e, open(node.folder + "/log").read())) from e
        finally:
            clean(node)


def acknowledged_into_a_new_log_file(_):
    one()


if __name__ == "__main__":
    main([acknowledged_into_a_new_log_file])
