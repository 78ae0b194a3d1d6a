#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""syncs.py — without any one of the syncs in the sources a check fails. The list of them is syncs.txt.
May touch: temporary folders, the compiler; the daemons that its checks start and kill.

    syncs.py             the list is whole; the entries that a quick check finds
    syncs.py --all       all of them: minutes
    syncs.py NUMBER…     these entries (the first is 1), with what the check said
"""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import archived  # noqa: E402
import aside  # noqa: E402
import each  # noqa: E402
import mutant  # noqa: E402
import rotated  # noqa: E402
from node import Failed, check  # noqa: E402
from tap import BUILD, environment, folder, main  # noqa: E402

SRC = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
LIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "syncs.txt")
ROOMS = ("daemon", "plugins", "core", "tool", "client")
# What makes something durable, by itself or in the functions that do it for others.
SYNC = re.compile(r"\b(fsync|fdatasync|syncfs|sync_file_range|msync|sync(?=\s*\()|O_D?SYNC|DB_TXN_SYNC|log_flush"
                  r"|(?:\w+_)?sync_(?:dir|name|folder|file|above))\b(?!\.h)")


def faults(programs):
    """The plugin's own test of a failing disk, with the altered plugin where it looks for one."""
    with folder() as f:
        os.makedirs(f + "/plugins/storage")
        os.symlink(programs[1], f + "/plugins/storage/bdb")
        done = subprocess.run([os.path.join(BUILD, "plugins/storage/bdb/faults-test")], env=environment(RUNNEL_BUILD=f),
                              capture_output=True, text=True)
        check(done.returncode == 0, done.stdout, done.stderr)


CHECKS = {"end": lambda **more: each.one(0, "drop", **more),
          "drop": lambda **more: each.all_of("drop", **more),
          "mix": lambda **more: each.all_of("mix", seeds=8, **more),
          "again": lambda **more: each.all_of("again", **more),
          "rotated": rotated.one,
          "faults": lambda programs=None: faults(programs),
          "aside": lambda programs=None: aside.all_of(programs[1], seeds=4),
          "archived": lambda programs=None: archived.all_of(seeds=8, program=programs[0])}


def entries():
    out = []
    for part in open(LIST, encoding="utf-8").read().split("\n\n"):
        lines = [line.split(None, 1) for line in part.splitlines() if not line.startswith("#")]
        if lines:
            out.append({"put": "", **{line[0]: line[1] if len(line) > 1 else "" for line in lines}})
    return out


def code(path):
    """A source file without comments and texts, line by line as before."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, open(os.path.join(SRC, path)).read(), flags=re.S)


def calls():
    """(path, line number, line) of each sync in the sources; declarations and definitions are none."""
    for room in ROOMS:
        for at, _, names in os.walk(os.path.join(SRC, room)):
            for name in sorted(names):
                path = os.path.relpath(os.path.join(at, name), SRC)
                if name.endswith(".c") and not name.endswith("_test.c") and name != "shim.c":
                    for n, line in enumerate(code(path).split("\n"), 1):
                        if SYNC.search(line) and not re.match(r"(static )?\w[\w ]*\*?\b\w+\([^;]*\{$", line):
                            yield path, n, line.strip()


def every_sync_is_in_the_list(_):
    named = {}
    for e in entries():
        check(e.get("by") in CHECKS and set(e) in ({"file", "take", "put", "by", "what"}, {"deaf", "put", "by", "what"}),
              "syncs.txt: an entry needs the check that shows what it is for, and nothing that is not told at its top:", e)
        if "file" in e:
            text = open(os.path.join(SRC, e["file"])).read()
            check(text.count(e["take"]) == 1, "syncs.txt: in", e["file"], "this stands", text.count(e["take"]), "times:",
                  e["take"])
            named.setdefault(e["file"], set()).add(text[:text.index(e["take"])].count("\n") + 1)
    found = list(calls())
    check(len(found) > 5, "only", len(found), "syncs were found")
    missing = ["%s:%d: %s" % f for f in found if f[1] not in named.get(f[0], ())]
    check(not missing, "these syncs are not in tests/crash/syncs.txt:\n" + "\n".join(missing))


def without(e):
    """What the check says when this sync is missing."""
    with folder() as f:
        more = {}
        if "deaf" in e:
            more["deaf"] = e["deaf"]
        else:
            text = open(os.path.join(SRC, e["file"])).read()
            more["programs"] = mutant.build(e["file"], text.replace(e["take"], e["put"]), f)
        try:
            CHECKS[e["by"]](**more)
        except Failed as failure:
            return str(failure)
    raise Failed("nothing fails without %s: \"%s\" has found nothing" % (e.get("deaf") or e["take"], e["by"]))


def test_of(e):
    def test(_):
        begun = time.monotonic()
        said = without(e)
        print("#   found by %s in %.0f s: %.300s" % (e["by"], time.monotonic() - begun, said.splitlines()[0]))
    test.__name__ = "%s, without: %s" % ((e["file"], e["take"]) if "file" in e else ("Berkeley DB", "its syncs of " + e["deaf"]))
    test.__name__ = test.__name__.replace("#", "")
    return test


QUICK = ("end", "rotated", "drop", "archived")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--all"] or len(sys.argv) == 1:
        main([every_sync_is_in_the_list] + [test_of(e) for e in entries() if len(sys.argv) > 1 or e["by"] in QUICK])
    else:
        for number in sys.argv[1:]:
            print(without(entries()[int(number) - 1]))
