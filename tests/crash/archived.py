#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""archived.py — runnel backup onto a disk that forgets what was not synced, killed at every single change of its files.
May touch: temporary folders; the daemons that it starts and kills.

Once it has said that it is done the backup is there, to the last byte, when power fails; and whenever it is
killed and power fails, a folder with a file "records" is a whole backup.

    drop   power fails with the kill: all that was not synced is gone
    mix    the same, a drawn part of it is gone
    again  the program dies alone, another one is started for the same folder; then power fails

    archived.py          "mix" once; --all: eight times
"""
import hashlib
import itertools
import os
import random
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from node import SHIM, Disk  # noqa: E402
from pair import RUNNEL, Node, nodes  # noqa: E402
from tap import DEADLINE, check, environment, equal, folder, main  # noqa: E402

NAMES = ["README.txt", "identity", "records"]
STREAMS, OBSERVATIONS = 3, 900
CONFLICT = "it is not empty"


def fill(node):
    for k in range(STREAMS):
        stream = node.create("s%d" % k)
        node.tool("publish", stream, *['"%d %s"' % (n, "x" * 100) for n in range(OBSERVATIONS // STREAMS)])


def backup(node, disk, program, **shim):
    """(exit code, what it said)"""
    env = environment(LD_PRELOAD=SHIM, RUNNEL_CRASH_DIR=disk.path, RUNNEL_CRASH_JOURNAL=disk.journal,
                      **{"RUNNEL_CRASH_" + k: str(v) for k, v in shim.items()})
    p = subprocess.run([program or RUNNEL, "--node", node.address, "backup", disk.path + "/b"], capture_output=True,
                       text=True, timeout=2 * DEADLINE, stdin=subprocess.DEVNULL, env=env)
    check(p.returncode in (0, 1, -9) and "Sanitizer" not in p.stderr and "volatile.c" not in p.stderr, p.returncode,
          p.stderr)
    disk.compare()
    return p.returncode, p.stdout + p.stderr


def contents(disk):
    """The files of the backup; None: there is no folder."""
    path = disk.path + "/b"
    if not os.path.isdir(path):
        return None
    out = {}
    for name in os.listdir(path):
        with open(os.path.join(path, name), "rb") as f:
            out[name] = f.read()
    return out


def sizes(files):
    return {name: len(data) for name, data in sorted((files or {}).items())}


def check_whole(node, files):
    equal(sorted(files), NAMES)
    records = files["records"]
    check(records.startswith(b"runnel-backup 1\n"), "it begins with", records[:20])
    equal(hashlib.sha256(records[:-32]).digest(), records[-32:], "the SHA-256 of %d bytes" % len(records))
    equal(struct.unpack("<QQ", records[-48:-32]), (STREAMS, OBSERVATIONS))
    with open(node.folder + "/data/identity", "rb") as f:
        equal(files["identity"], f.read(), "the identity")
    check(files["README.txt"].endswith(b"BACKUP AND RESTORE.\n"), files["README.txt"])


def one(node, n, way, seed=0, program=None):
    """One backup, killed at its nth change (0: not at all). Whether it was killed."""
    with folder() as f:
        os.mkdir(f + "/disk")
        disk = Disk(f + "/disk", f + "/journal")
        code, said = backup(node, disk, program, **({"AT": n} if n else {}))
        killed = code == -9
        check(killed or code == 0, said)
        if killed and way == "again":
            code, said = backup(node, disk, program)
            check(code == 0 or CONFLICT in said, said)
        before = contents(disk)
        disk.crash("mix" if way == "mix" else "drop", random.Random(1000003 * seed + n))
        after = contents(disk)
        where = "%s, killed at change %d, seed %d" % (way, n, seed)
        try:
            if code == 0:
                check(after == before, "it said that it was done:", sizes(after), "is left of", sizes(before))
            if after and "records" in after:
                check_whole(node, after)
        except Exception as e:
            raise type(e)("%s: %s" % (where, e)) from e
        return killed


def all_of(ways=("drop", "again", "mix"), seeds=1, program=None):
    with folder() as f:
        node = Node(f, "one")
        with nodes(node):
            fill(node)
            for way in ways:
                one(node, 0, way, program=program)
                for seed in range(seeds if way == "mix" else 1):
                    for n in itertools.count(1):
                        if not one(node, n, way, seed, program):
                            break
                    check(n > 20, "only", n - 1, "kills: the shim does not see the backup's files")
                print("# %s: killed at each of %d changes" % (way, n - 1))


def a_backup_is_there_whole_or_not_at_all(_):
    all_of(seeds=8 if sys.argv[1:] == ["--all"] else 1)


if __name__ == "__main__":
    main([a_backup_is_there_whole_or_not_at_all])
