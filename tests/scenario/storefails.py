# SPDX-License-Identifier: MIT
"""storefails.py — pages that go bad under a running node: it ends to be started again, and the next start finds them.
May touch: temporary folders; daemons of its own on free loopback ports."""
import json
import os
import subprocess

from pair import Node, nodes
from tap import Daemon, check, equal, main, until

PAGE = 4096
VALUE = json.dumps("v" * 12000)


class Lean(Node):
    """Keeps few pages in memory, so that the others are read from the disk."""

    def __init__(self, f, name):
        super().__init__(f, name)
        with open(self.config) as c:
            conf = json.load(c)
        conf["storage"]["main"]["cache"] = "1MiB"
        with open(self.config, "w") as c:
            json.dump(conf, c)


def it_ends_and_the_next_start_looks_closely(f):
    node = Lean(f, "one")
    where = node.folder + "/data/storage-main"
    with nodes(node):
        stream = node.create("s")
        p = node.popen("publish", stream, "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        p.communicate((VALUE + "\n") * 1500)
        equal(p.returncode, 0, node.log())
        records = os.path.getsize(where + "/records.db")
        check(records > 8 << 20, records)
        with open(where + "/records.db", "r+b") as db:
            for at in range(3 * PAGE, records - PAGE, PAGE):
                # All of the page's header but its two counts: libdb takes those on trust, and reads past its memory.
                for part, n in ((0, 20), (24, 2)):
                    db.seek(at + part)
                    db.write(b"\xff" * n)
        until(lambda: node.run("history", stream)[0] != 0, "a read that fails")
        equal(node.daemon.end(), 4, node.log())
        log = node.log()
        check("has failed for good" in log and "to be started again" in log, log)
        check(log.count("\n") < 60, "a flood:\n", log)
        with open(where + "/lock") as lock:
            check(" failed " in lock.read(), "the note in the lock")
        node.daemon = Daemon(node.config, node.folder)
        until(lambda: "daemon: ready" in node.log() or node.daemon.process.poll() is not None, "the next start")
        log = node.log()
        check("checking all of its pages" in log and "checking the pages of records.db" in log, log)
        aside = [n for n in os.listdir(where) if n.startswith("aside-")]
        if node.daemon.process.poll() is None:  # the node has set it aside
            equal(len(aside), 1, log)
            check(os.path.getsize("%s/%s/records.db" % (where, aside[0])) >= records, "what was set aside")
        else:  # or leaves that to somebody
            equal((node.daemon.end(), aside), (3, []), log)
            check(os.path.getsize(where + "/records.db") >= records, "what is there")


main([it_ends_and_the_next_start_looks_closely])
