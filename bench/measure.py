# SPDX-License-Identifier: MIT
"""measure.py — rows, samples and medians: every side of a row measured in turn, several times, in one run.
May touch: the folder of the run; what the rows start."""
import contextlib
import dataclasses
import importlib
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import tempfile
import typing

from process import DEADLINE, Failed

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ROWS = ("publish", "ingest", "catchup", "read", "fanout", "idle", "disk")  # files of bench/rows, in this order


@dataclasses.dataclass
class Sample:
    """One measurement of one side. `more`: figures beside the rate, such as p99_us or cpu."""
    rate: float
    bottleneck: bool = False  # the driver itself used 9/10 of a core or more
    more: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Row:
    """A line of the table. sides: name -> function without arguments that measures once; "runnel" is one of them.
    needs: names of peers (files of bench/peer) without which it cannot be measured."""
    name: str
    unit: str
    sides: typing.Dict[str, typing.Callable[[], Sample]]
    needs: tuple = ()
    better: str = "more"  # or "less"
    derived: tuple = ()   # names of figures in Sample.more that are rows of their own, NAME.FIGURE


class Env:
    """Where everything is, and what runs at the moment. `with` it: at the end nothing is left."""

    def __init__(self, source, build, folder=None, keep=False, trial=False):
        self.source, self.build, self.keep, self.trial = source, build, keep, trial
        self.home = folder or os.path.join(build, "bench", "tmp")
        self.folder = self.sockets = None
        self.running = []  # servers
        self.folders = 0

    def __enter__(self):
        os.makedirs(self.home, exist_ok=True)
        kind = file_system(self.home)
        if kind in ("tmpfs", "ramfs") and not self.trial:
            raise Failed("%s is on a %s: what is measured is a disk; name a folder on one with --folder" % (self.home, kind))
        self.folder = tempfile.mkdtemp(prefix="run-", dir=self.home)
        self.sockets = tempfile.mkdtemp(prefix="rnb", dir="/tmp")  # short: a unix socket's path has room for 98 bytes
        return self

    def __exit__(self, *_):
        for number in STOPS:  # a second Ctrl-C does not leave half of it
            signal.signal(number, signal.SIG_IGN)
        for server in self.running:
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait()
        self.running.clear()
        shutil.rmtree(self.sockets, ignore_errors=True)
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # another run is there, or it was not ours
                os.rmdir(self.home)

    def seconds(self, usual):
        """How long to measure; a trial only shows that it can be done."""
        return 1 if self.trial else usual

    def count(self, usual):
        """How many messages; the same."""
        return max(1, usual // 100) if self.trial else usual

    def new_folder(self, label):
        self.folders += 1
        path = os.path.join(self.folder, "%s-%d" % (label, self.folders))
        os.mkdir(path)
        return path

    def new_socket(self):
        self.folders += 1
        return os.path.join(self.sockets, "%d.sock" % self.folders)

    def built(self, name):
        path = os.path.join(self.build, name)
        if not os.path.exists(path):
            raise Failed("%s is not there: build runnel first, and call bench/run in the build folder or set "
                         "RUNNEL_BUILD" % path)
        return path

    def environment(self):
        """For programs of the build tree."""
        env = dict(os.environ, RUNNEL_PLUGIN_PATH=self.build, LC_ALL="C")
        env.pop("JOURNAL_STREAM", None)
        return env

    def load(self, mode, proto, address, streams=(), **options):
        """Runs a load driver to its end: what it has printed, as a dict."""
        deadline = options.setdefault("deadline", 2 * DEADLINE + options.get("seconds", 0))
        command = [self.built("bench/load/load"), mode, "--to", address]
        if proto:
            command += ["--proto", proto]
        for stream in streams:
            command += ["--stream", stream]
        for name, value in options.items():
            command += ["--" + name.replace("_", "-"), value if isinstance(value, str) else str(int(value))]
        try:
            p = subprocess.run(command, capture_output=True, text=True, timeout=deadline + 10, stdin=subprocess.DEVNULL,
                               start_new_session=True, check=False)
        except subprocess.TimeoutExpired:
            raise Failed("%s: not over after %d s" % (" ".join(command[:6]), deadline + 10)) from None
        if p.returncode != 0:
            raise Failed("%s: %s" % (" ".join(command[:6]), p.stderr.strip()))
        return json.loads(p.stdout)

    def rate(self, server, mode, proto, streams=(), at=None, **options):
        """A Sample of one run of the load driver at a server, with the processor time that the server used. `at`: the
        server's address, if not the one where programs of its machine talk to it."""
        before = server.cpu()
        said = self.load(mode, proto, at or server.address, streams, **options)
        used = server.cpu() - before
        more = {k: said[k] for k in ("messages", "seconds", "p50_us", "p99_us", "driver_cpu") if k in said}
        more["server_cpu_us"] = 1e6 * used / max(1, said["messages"])
        return Sample(said["rate"], said["bottleneck"], more)


def file_system(path):
    """The kind of file system that a folder is on."""
    path, best, kind = os.path.realpath(path), "", "unknown"
    with open("/proc/self/mounts", encoding="utf-8") as f:
        for line in f:
            _, where, what = line.split()[:3]
            where = where.encode().decode("unicode_escape")
            if (path + "/").startswith(where.rstrip("/") + "/") and len(where) >= len(best):
                best, kind = where, what
    return kind


def conditions(env, runs):
    """What the figures depend on."""
    return {"processors": os.cpu_count(), "machine": platform.machine(), "kernel": platform.release(),
            "file_system": file_system(env.home), "runs": runs, "trial": env.trial, "load_average": round(os.getloadavg()[0], 2)}


def rows_of(env, name):
    """The rows of one file of bench/rows."""
    return list(importlib.import_module("rows." + name).rows(env))


def check_needs(env, rows):
    """A peer that is missing ends the run before anything is measured."""
    for peer in dict.fromkeys(p for row in rows for p in row.needs):
        importlib.import_module("peer." + peer).need(env)


def measure(env, row, runs):
    """All sides in turn, `runs` times; the results of the row and of those derived from it, as dicts."""
    samples = {side: [] for side in row.sides}
    for turn in range(runs):
        order = list(row.sides) if turn % 2 == 0 else list(reversed(row.sides))
        for side in order:
            samples[side].append(row.sides[side]())
    yield result(env, row, row.name, samples, {s: [x.rate for x in list_] for s, list_ in samples.items()})
    for name in row.derived:
        rates = {s: [x.more[name] for x in list_] for s, list_ in samples.items() if all(name in x.more for x in list_)}
        yield result(env, row, "%s.%s" % (row.name, name), samples, rates)


def cpu(samples):
    """The median of the server's processor time for each message; None where a side does not tell it."""
    told = [s.more["server_cpu_us"] for s in samples if "server_cpu_us" in s.more]
    return statistics.median(told) if len(told) == len(samples) > 0 else None


def ratios(ours, of):
    """Ours divided by each other's, where both are known."""
    return {s: ours / v if v else None for s, v in of.items() if s != "runnel"} if ours is not None else {}


def result(env, row, name, samples, rates):
    """One line of the table: rates are those of each side, run by run."""
    medians = {side: statistics.median(list_) for side, list_ in rates.items()}
    runs = len(rates["runnel"])
    return {"row": name, "unit": row.unit, "better": row.better, "median": medians,
            "min": {s: min(r) for s, r in rates.items()}, "max": {s: max(r) for s, r in rates.items()},
            "ratio": ratios(medians["runnel"], medians),
            "cpu_ratio": {} if name != row.name else ratios(cpu(samples["runnel"]), {s: cpu(l) for s, l in samples.items()}),
            "bottleneck": [s for s, list_ in samples.items() if sum(x.bottleneck for x in list_) * 2 > runs],
            "samples": {s: [dict(x.more, rate=x.rate) for x in samples[s]] for s in rates},
            "conditions": conditions(env, runs)}


def figure(value):
    """A rate or size as people read it."""
    if value is None:
        return "-"
    return "%.0f" % value if abs(value) >= 1000 else "%.3g" % value


def lines(found):
    """ROW runnel=RATE PEER=RATE ratio=R, one line a peer; cpu: the ratio of the servers' processor time for each message."""
    unit, median = found["unit"], found["median"]
    start = "%s runnel=%s%s" % (found["row"], figure(median["runnel"]), unit)
    note = "".join(" (the driver of %s was the limit)" % s for s in found["bottleneck"])
    if not found["ratio"]:
        return [start + note]
    said = []
    for peer, ratio in found["ratio"].items():
        cpu_ratio = found["cpu_ratio"].get(peer)
        said.append("%s %s=%s%s ratio=%s%s%s" % (start, peer, figure(median[peer]), unit, "-" if ratio is None else "%.2f" % ratio,
                                                 "" if cpu_ratio is None else " cpu=%.2f" % cpu_ratio, note))
    return said
