# SPDX-License-Identifier: MIT
"""tap.py — what the scenarios share: TAP, temporary folders, daemons that are always stopped.
May touch: temporary folders; the processes that it starts, by their number."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

BUILD = os.environ.get("RUNNEL_BUILD", os.getcwd())
SRC = os.environ.get("RUNNEL_SRC", BUILD)
RUNNELD = os.path.join(BUILD, "runneld")
DEADLINE = 30.0  # seconds until anything that is waited for must have come


class Failed(Exception):
    pass


class Skip(Exception):
    """What the test needs is not there; its text says what."""


def check(condition, *what):
    if not condition:
        raise Failed(" ".join(str(w) for w in what))


def equal(got, want, what=""):
    check(got == want, what, "\n got:", repr(got), "\nwant:", repr(want))


def until(condition, what):
    """Waits for a condition; its value when it holds."""
    end = time.monotonic() + DEADLINE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed("waited in vain for " + what)
        time.sleep(0.01)


def environment(**more):
    env = dict(os.environ, RUNNEL_PLUGIN_PATH=BUILD, LC_ALL="C")
    env.pop("JOURNAL_STREAM", None)
    env.update(more)
    return {k: v for k, v in env.items() if v is not None}


def runneld(*args, env=None, timeout=DEADLINE):
    """Runs it to its end: (exit code, standard output, standard error)."""
    p = subprocess.run([RUNNELD, *args], capture_output=True, text=True, timeout=timeout, env=env or environment(),
                       stdin=subprocess.DEVNULL)
    return p.returncode, p.stdout, p.stderr


class Daemon:
    """A runneld that serves; its log goes to a file."""

    def __init__(self, config, folder, *args, env=None):
        self.log_path = os.path.join(folder, "log")
        with open(self.log_path, "ab") as log:
            self.start = log.tell()
            self.process = subprocess.Popen([RUNNELD, "-c", config, *args], stderr=log, stdin=subprocess.DEVNULL,
                                            env=env or environment())

    def log(self):
        with open(self.log_path, "rb") as f:
            f.seek(self.start)
            return f.read().decode()

    def wait_log(self, pattern):
        def found():
            m = re.search(pattern, self.log())
            if not m and self.process.poll() is not None:
                raise Failed("runneld ended with %d:\n%s" % (self.process.returncode, self.log()))
            return m
        return until(found, "/%s/ in the log:\n%s" % (pattern, self.log()))

    def ready(self):
        return self.wait_log(r"daemon: ready.*\n")

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        return self.process.wait(DEADLINE)

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.end()


@contextlib.contextmanager
def daemon(config, folder, *args, env=None):
    d = Daemon(config, folder, *args, env=env)
    try:
        yield d
    finally:
        if d.process.poll() is None:
            d.process.kill()
            d.process.wait()


@contextlib.contextmanager
def folder():
    # A short path: a unix socket's has room for 107 bytes.
    path = tempfile.mkdtemp(prefix="rn", dir="/tmp")
    try:
        yield path
    finally:
        shutil.rmtree(path)


def main(tests):
    print("1..%d" % len(tests))
    failed = 0
    for i, test in enumerate(tests, 1):
        name = test.__name__
        try:
            with folder() as f:
                test(f)
            print("ok %d - %s" % (i, name))
        except Skip as e:
            print("ok %d - %s # SKIP %s" % (i, name, e))
        except Exception as e:  # a test that breaks has failed, and the others go on
            failed += 1
            text = str(e) if isinstance(e, Failed) else traceback.format_exc()
            print("not ok %d - %s" % (i, name))
            for line in text.splitlines():
                print("# " + line)
        sys.stdout.flush()
    sys.exit(failed > 0)
