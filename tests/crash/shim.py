#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""shim.py — the shim and the model are what disk.py says: what is synced stays, what is not may go.
May touch: temporary folders; the programs that it starts."""
import itertools
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scenario"))
from tap import BUILD, Failed, check, equal, main  # noqa: E402
from disk import Disk  # noqa: E402

SHIM = os.path.join(BUILD, "tests/crash/.libs/volatile.so")
TOY = os.path.join(BUILD, "tests/crash/toy")


class Bed:
    """A folder under the shim. Programs run in it, then the power fails."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "disk")
        os.mkdir(self.path)
        self.disk = Disk(self.path, os.path.join(folder, "journal"))

    def run(self, *words, code=0, **more):
        env = dict(os.environ, LD_PRELOAD=SHIM, RUNNEL_CRASH_DIR=self.path, RUNNEL_CRASH_JOURNAL=self.disk.journal)
        env.update(("RUNNEL_CRASH_" + k, str(v)) for k, v in more.items())
        p = subprocess.run([TOY, *map(str, words)], cwd=self.path, env=env, capture_output=True, text=True)
        equal(p.returncode, code, p.stderr)
        self.disk.compare()
        return self

    def crash(self, kind="drop", seed=0, unit=4096):
        self.disk.crash(kind, random.Random(seed), unit)
        return self.tree()

    def tree(self, path=None):
        out = {}
        for e in os.scandir(path or self.path):
            name = os.path.relpath(e.path, self.path)
            if e.is_dir():
                out[name] = None
                out.update(self.tree(e.path))
            else:
                with open(e.path, "rb") as f:
                    out[name] = f.read()
        return out


def many(f, make, unit=4096, n=200):
    """All the states that n crashes of the same programs leave; the folder is made anew each time."""
    found = []
    for seed in range(n):
        sub = os.path.join(f, str(seed))
        os.mkdir(sub)
        bed = Bed(sub)
        make(bed)
        found.append(bed.crash("mix", seed, unit))
    return found


def synced_stays(f):
    bed = Bed(f).run("write", "c", "a", 0, "hello", "sync", "a", "sync", ".")
    equal(bed.crash(), {"a": b"hello"})


def unsynced_is_lost(f):
    bed = Bed(f).run("write", "c", "a", 0, "hello", "sync", "a", "sync", ".", "write", "", "a", 3, "LOST",
                     "write", "c", "b", 0, "lost")
    equal(bed.tree(), {"a": b"helLOST", "b": b"lost"})
    equal(bed.crash(), {"a": b"hello"})


def a_name_needs_its_folder_synced(f):
    bed = Bed(f).run("write", "c", "a", 0, "hello", "sync", "a")
    equal(bed.crash(), {})


def a_name_alone_is_an_empty_file(f):
    bed = Bed(f).run("write", "c", "a", 0, "hello", "sync", ".")
    equal(bed.crash(), {"a": b""})


def a_rename_needs_its_folder_synced(f):
    bed = Bed(f).run("write", "c", "new", 0, "2", "write", "c", "a", 0, "1", "sync", "a", "sync", "new", "sync", ".")
    bed.run("rename", "new", "a")
    equal(bed.tree(), {"a": b"2"})
    equal(bed.crash(), {"a": b"1", "new": b"2"})
    bed.run("rename", "new", "a", "sync", ".")
    equal(bed.crash(), {"a": b"2"})


def a_folder_in_a_folder(f):
    bed = Bed(f).run("mkdir", "d", "write", "c", "d/a", 0, "1", "sync", "d/a", "sync", "d")
    equal(bed.crash(), {})
    bed.run("mkdir", "d", "write", "c", "d/a", 0, "1", "sync", "d/a", "sync", "d", "sync", ".")
    equal(bed.crash(), {"d": None, "d/a": b"1"})


def removed_is_back(f):
    bed = Bed(f).run("mkdir", "d", "write", "cd", "d/a", 0, "1", "link", "d/a", "b", "sync", "d", "sync", ".")
    bed.run("unlink", "d/a", "rmdir", "d", "unlink", "b")
    equal(bed.tree(), {})
    equal(bed.crash(), {"d": None, "d/a": b"1", "b": b"1"})


def sizes(f):
    bed = Bed(f).run("write", "c", "a", 0, "hello", "sync", "a", "sync", ".", "truncate", "a", 2)
    equal(bed.tree(), {"a": b"he"})
    equal(bed.crash(), {"a": b"hello"})
    bed.run("truncate", "a", 2, "allocate", "a", 4, "datasync", "a", "allocate", "a", 6)
    equal(bed.crash(), {"a": b"he\0\0"})
    bed.run("write", "ta", "a", -1, "new")
    equal(bed.crash(), {"a": b"he\0\0"})
    bed.run("write", "a", "a", -1, "new", "sync", "a", "write", "a", "a", 0, "more")
    equal(bed.tree(), {"a": b"he\0\0newmore"})
    equal(bed.crash(), {"a": b"he\0\0new"})


def each_write_of_o_dsync_is_synced(f):
    bed = Bed(f).run("write", "cd", "a", 0, "1", "sync", ".")
    equal(bed.crash(), {"a": b"1"})


def printing_is_writing(f):
    bed = Bed(f).run("write", "cd", "a", 0, "1", "sync", ".", "print", "a", "23")
    equal(bed.tree(), {"a": b"23"})
    equal(bed.crash(), {"a": b"1"})


def what_goes_past_the_shim_is_found(f):
    try:
        Bed(f).run("stdio", "a")
    except Failed as e:
        check("not as the journal says" in str(e), e)
    else:
        raise Failed("it was not found")


def a_killed_program_loses_nothing_yet(f):
    bed = Bed(f).run("write", "c", "a", 0, "1", "sync", ".", "die", code=-9)
    equal(bed.tree(), {"a": b"1"})
    bed.run("write", "", "a", 1, "2")
    equal(bed.crash(), {"a": b""})
    bed.run("write", "", "a", 0, "1", "die", code=-9).run("sync", "a")
    equal(bed.crash(), {"a": b"1"})


def dies_at_each_operation(f):
    words = ["write", "c", "a", 0, "1", "sync", "a", "sync", "."]
    trees = []
    for n, after in itertools.product(range(1, 6), ("", "+")):
        sub = os.path.join(f, "%d%s" % (n, after))
        os.mkdir(sub)
        trees.append(Bed(sub).run(*words, code=-9 if n < 5 else 0, AT="%d%s" % (n, after)).tree())
    equal(trees, [{}, {"a": b""}, {"a": b""}, {"a": b"1"}] + 6 * [{"a": b"1"}])


def a_deaf_sync(f):
    bed = Bed(f).run("write", "c", "log.1", 0, "1", "write", "c", "b", 0, "2", "sync", "log.1", "sync", "b", "sync", ".",
                     DEAF="log.")
    equal(bed.crash(), {"log.1": b"", "b": b"2"})


def any_part_of_a_write(f):
    old, new = "a" * 1536, "b" * 1536
    found = {t["a"] for t in many(f, lambda bed: bed.run("write", "cd", "a", 0, old, "sync", ".", "write", "", "a", 0, new),
                                  unit=512)}
    want = {b"".join(c * 512 for c in p) for p in itertools.product((b"a", b"b"), repeat=3)}
    equal(found, want)


def a_unit_is_not_torn(f):
    found = {t["a"] for t in many(f, lambda bed: bed.run("write", "cd", "a", 0, "a" * 600, "sync", ".", "write", "", "a", 0,
                                                         "b" * 600, "write", "", "a", 600, "c"))}
    equal(found, {b"a" * 600, b"a" * 600 + b"\0", b"b" * 600, b"b" * 600 + b"\0", b"b" * 600 + b"c"})


def any_order_of_names(f):
    def make(bed):
        bed.run("write", "cd", "a", 0, "1", "sync", ".", "rename", "a", "b", "mkdir", "d", "rename", "b", "d/c",
                "write", "cd", "e", 0, "2")
    found = {tuple(sorted(t)) for t in many(f, make)}
    # A later change of a name needs the earlier one; what went into a folder that is lost, is lost.
    want = {("a",), ("b",), ("a", "d"), ("b", "d"), ("d", "d/c"), ()}
    equal(found, {tuple(sorted(w + e)) for w in want for e in ((), ("e",))})


def inodes_stay(f):
    bed = Bed(f).run("mkdir", "d", "write", "c", "d/a", 0, "1", "sync", "d/a", "sync", "d", "sync", ".", "rename", "d/a", "b",
                     "write", "", "b", 0, "2")
    before = os.stat(bed.path + "/d").st_ino, os.stat(bed.path + "/b").st_ino
    equal(bed.crash(), {"d": None, "d/a": b"1"})
    equal((os.stat(bed.path + "/d").st_ino, os.stat(bed.path + "/d/a").st_ino), before)


main([synced_stays, unsynced_is_lost, a_name_needs_its_folder_synced, a_name_alone_is_an_empty_file,
      a_rename_needs_its_folder_synced, a_folder_in_a_folder, removed_is_back, sizes, each_write_of_o_dsync_is_synced,
      printing_is_writing, what_goes_past_the_shim_is_found, a_killed_program_loses_nothing_yet, dies_at_each_operation,
      a_deaf_sync, any_part_of_a_write, a_unit_is_not_torn, any_order_of_names, inodes_stay])
