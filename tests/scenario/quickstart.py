# SPDX-License-Identifier: MIT
"""quickstart.py — scripts/quickstart, against the programs of this build: what it shows, and that it leaves nothing.
May touch: a temporary folder; what scripts/quickstart starts."""
import os
import re
import signal
import subprocess

from tap import BUILD, SRC, check, environment, equal, main, until

SCRIPT = os.path.join(SRC, "scripts/quickstart")


class Script(subprocess.Popen):
    """Its temporary folder is `folder`/tmp, its output goes to a file beside it. What does not end is made to."""

    def __init__(self, folder, *args):
        os.mkdir(folder + "/tmp")
        with open(folder + "/out", "wb") as out:
            super().__init__([SCRIPT, "--build", BUILD, *args], stdout=out, stderr=subprocess.STDOUT,
                             stdin=subprocess.DEVNULL, env=environment(TMPDIR=folder + "/tmp"))

    def __exit__(self, *what):
        if self.poll() is None:
            self.terminate()
        super().__exit__(*what)


def output(folder):
    with open(folder + "/out", encoding="utf-8") as f:
        return f.read()


def processes(folder):
    """The command lines that name the folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read().decode(errors="replace").replace("\0", " ")
            with open("/proc/%s/environ" % pid, "rb") as f:
                where = f.read().decode(errors="replace")
        except OSError:  # it has ended meanwhile
            continue
        if folder + "/tmp" in words or "TMPDIR=" + folder + "/tmp" in where:
            found.append(words)
    return found


def left_nothing(folder):
    equal(os.listdir(folder + "/tmp"), [], "the temporary folder")
    until(lambda: processes(folder) == [], "the processes to end: %s" % processes(folder))


def once(f):
    with Script(f, "--once") as p:
        code = p.wait(180)
    said = output(f)
    equal(code, 0, said)
    equal(len(re.findall(r"  equal$", said, re.M)), 5, said)
    equal(len(re.findall(r": whole and as signed: ", said)), 5, said)
    equal([int(n) for n in re.findall(r"(\d+) lines, byte for byte", said)], [742, 742, 1462, 1462], said)
    check("least 313.21, greatest 416.18, last 416.18" in said, said)
    check("All is well" in said, said)
    left_nothing(f)


def interrupted(f):
    """Ctrl-C is the normal end while it follows."""
    with Script(f) as p:
        until(lambda: p.poll() is not None or re.search(r"runnel follow .*(\n.*){4}", output(f)), "the follow to be shown")
        equal(p.poll(), None, output(f))
        check(len(processes(f)) >= 3, processes(f))
        p.send_signal(signal.SIGINT)
        equal(p.wait(30), 0, output(f))
    left_nothing(f)


def ended_early(f):
    """A node that ends on the way is told, with its log, and nothing stays."""
    with Script(f) as p:
        os.kill(int(until(lambda: daemons(f), "a node to run")[0]), signal.SIGKILL)
        check(p.wait(180) != 0, output(f))
    check("quickstart: " in output(f), output(f))
    left_nothing(f)


def daemons(folder):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[0].endswith("/runneld") and words[-2].startswith(folder + "/tmp"):
            found.append(pid)
    return found


def wrong_usage(f):
    with Script(f, "--nonsense") as p:
        equal(p.wait(30), 2, output(f))
    check("Usage: scripts/quickstart" in output(f), output(f))


# Whoever was started in the background ignores Ctrl-C; the script must not inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
main([once, interrupted, ended_early, wrong_usage])
