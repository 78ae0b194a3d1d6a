# SPDX-License-Identifier: MIT
"""process.py — what the benchmark starts: servers and drivers that are always stopped, by their pid.
May touch: the folder of the run; the processes that it starts, by their number."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time

DEADLINE = 60.0  # seconds until anything that is waited for must have come
TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A measurement that cannot be made; its text says why and what to do."""


class Missing(Failed):
    """A peer that is not installed."""


def check(condition, *what):
    if not condition:
        raise Failed(" ".join(str(w) for w in what))


def until(condition, what, deadline=DEADLINE, look=0.005):
    """Waits for a condition, which is looked at every `look` seconds; its value when it holds."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed("waited in vain for " + what)
        time.sleep(look)


def need(program):
    """The path of a program of the system. Servers may stand in an sbin beside a bin of $PATH."""
    places = os.environ.get("PATH", os.defpath)
    beside = ":".join(re.sub(r"/bin/?$", "/sbin", p) for p in places.split(":"))
    path = shutil.which(program, path=places) or shutil.which(program, path=beside)
    if not path:
        raise Missing("%s is not there: run bench/setup" % program)
    return path


def free_port():
    """A port below those that the kernel gives to who asks for any, so that it stays free between two starts."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def answers(port):
    """Whether something listens there."""
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


def end(process, what, grace=DEADLINE):
    """Stops a process that we started: kindly, then not. Its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Failed("%s did not stop within %d s" % (what, grace))


class Server:
    """A server process with its own folder; `with` it. A subclass sets `name` and calls `launch`."""

    name = "server"

    def __init__(self, env, label=None):
        self.env = env
        self.folder = env.new_folder(label or self.name)
        self.process = None

    def launch(self, *command, environment=None):
        # A session of its own: Ctrl-C is for bench/run, which stops it in order.
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.folder, env=environment, start_new_session=True)
        self.env.running.append(self)

    def wait(self, condition, what):
        def holds():
            if self.process.poll() is not None:
                raise Failed("%s ended with %s:\n%s" % (self.name, self.process.returncode, self.log()))
            return condition()
        return until(holds, "%s: %s; its log:\n%s" % (self.name, what, self.log()))

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()[-4000:]

    def stop(self):
        """Ends it; what it has written stays until the measurement is over."""
        if self.process is not None:
            end(self.process, self.name)
            self.env.running.remove(self)  # until then the end of the run would kill it
            self.process = None

    def remove(self):
        """Ends it and takes its folder away."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    # ---- what it costs ----

    @property
    def pid(self):
        return self.process.pid

    def cpu(self):
        """Seconds of processor that it has used so far."""
        with open("/proc/%d/stat" % self.pid, encoding="utf-8") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss(self):
        """Bytes of memory that are resident."""
        with open("/proc/%d/statm" % self.pid, encoding="utf-8") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def disk(self, *below):
        """Bytes that its folder occupies on the disk."""
        total = 0
        for folder, _, files in os.walk(os.path.join(self.folder, *below)):
            for name in files:
                try:
                    total += os.lstat(os.path.join(folder, name)).st_blocks * 512
                except FileNotFoundError:
                    pass  # a log that was just removed
        return total
