#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""aside.py — power fails while a damaged store is set aside: what it was made of is still somewhere, and the
next start goes on.
May touch: temporary folders; the daemons that it starts and kills.

    aside.py             what is left is drawn once; --all: four times
"""
import itertools
import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scenario"))
from tap import BUILD, check, environment, equal, folder, main  # noqa: E402
from disk import Disk  # noqa: E402

SHIM = os.path.join(BUILD, "tests/crash/.libs/volatile.so")
ASIDE = os.path.join(BUILD, "tests/crash/aside")


def run(path, plugins=None, journal=None, **shim):
    """(exit code, output) of the program at a store."""
    plugin = plugins + "/storage-bdb.so" if plugins else os.path.join(BUILD, "plugins/storage/bdb/.libs/storage-bdb.so")
    env = environment(**{"RUNNEL_CRASH_" + k: str(v) for k, v in shim.items()})
    if journal:
        env.update(LD_PRELOAD=SHIM, RUNNEL_CRASH_DIR=path, RUNNEL_CRASH_JOURNAL=journal)
    p = subprocess.run([ASIDE, plugin, path], env=env, capture_output=True, text=True)
    check(p.returncode in (0, -9), p.returncode, p.stdout, p.stderr)
    return p.returncode, p.stdout


def evidence(path):
    """The bytes of all logs, wherever they are by now."""
    found = set()
    for at, _, names in os.walk(path):
        for name in names:
            if name.startswith("log."):
                with open(os.path.join(at, name), "rb") as f:
                    found.add(f.read())
    return found


def one(f, n, kind, seed, plugins):
    """Power fails at the nth change of a start that sets aside; whether it came so far."""
    path = "%s/%d-%s-%d" % (f, n, kind, seed)
    shutil.copytree(f + "/damaged", path)
    was = evidence(path)
    disk = Disk(path, path + ".journal")
    code, _ = run(path, plugins, disk.journal, **({"AT": n} if n else {}))
    disk.compare()
    disk.crash(kind, random.Random(1000 * seed + n))
    check(was <= evidence(path), "n = %d, %s, seed %d: the damaged store is gone: %s" %
          (n, kind, seed, sorted(os.path.join(a, x) for a, _, names in os.walk(path) for x in names)))
    equal(run(path, plugins)[0], 0)
    check(was <= evidence(path), "n = %d, %s: the damaged store is gone after the next start" % (n, kind))
    equal(run(path, plugins), (0, ""), "the start after that")
    shutil.rmtree(path)
    return code != 0


def all_of(plugins=None, seeds=1):
    with folder() as f:
        os.mkdir(f + "/damaged")
        run(f + "/damaged")
        os.truncate(f + "/damaged/records.db", 100)
        for seed in range(seeds):
            for kind in ("drop", "last", "mix") if seed == 0 else ("mix",):
                one(f, 0, kind, seed, plugins)
                for n in itertools.count(1):
                    if not one(f, n, kind, seed, plugins):
                        break
                check(n > 10, "only", n, "changes")


def power_fails_while_a_damaged_store_is_set_aside(_):
    all_of(seeds=4 if sys.argv[1:] == ["--all"] else 1)


if __name__ == "__main__":
    main([power_fails_while_a_damaged_store_is_set_aside])
