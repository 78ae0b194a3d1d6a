# SPDX-License-Identifier: MIT
"""node.py — a node on a disk that forgets, what a program sees of it, and what must be there afterwards.
May touch: temporary folders; the daemons that it starts and kills."""
import hashlib
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scenario"))
from tap import BUILD, DEADLINE, RUNNELD, Daemon, Failed, check, environment, until  # noqa: E402
from wire import ANSWER, DATA, ERROR, HEAD, PUBLISH, PUBLISHED, REQUEST, STATE, Wire, frame, frames, leb, unleb  # noqa: E402
from disk import Disk  # noqa: E402

SHIM = os.path.join(BUILD, "tests/crash/.libs/volatile.so")
NOW = 2  # a publish's flag: the node sets the times
BLOCK = 256


class Lost(Failed):
    """Something that must be there is not."""


class Fork(Failed):
    """Something has left the node that contradicts its disk."""


# ---- what is known of streams ----

class Known:
    """What somebody was told of one stream: observations by seq, heads by count."""

    def __init__(self):
        self.values, self.times, self.heads = {}, {}, {}

    def add(self, seq, value, when=None):
        if self.values.setdefault(seq, value) != value:
            raise Fork("observation %d was %.60r, now %.60r" % (seq, self.values[seq], value))
        if when is not None and self.times.setdefault(seq, when) != when:
            raise Fork("observation %d was of %d, now of %d" % (seq, self.times[seq], when))

    def add_head(self, count, root):
        if self.heads.setdefault(count, root) != root:
            raise Fork("two heads at %d" % count)

    def count(self):
        return max(self.values, default=-1) + 1


def node_hash(leaves):
    """RFC 9162."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + node_hash(leaves[:k]) + node_hash(leaves[k:])).digest()


def block_leaf(part):
    """The leaf of a block of (time, value)."""
    out, before = [struct.pack("<q", part[0][0])], part[0][0]
    for when, value in part:
        out += [leb(when - before), leb(len(value)), value]
        before = when
    return hashlib.sha256(b"\0" + b"".join(out)).digest()


class Held:
    """A stream as a node holds it: [(time, value)], the state that it names, roots at any count."""

    def __init__(self, o, observations):
        self.o, self.observations = o, observations
        text = json.dumps(o["descriptor"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.leaves = [hashlib.sha256(b"\0" + text.encode()).digest()]
        for at in range(0, len(observations) - BLOCK + 1, BLOCK):
            self.leaves.append(block_leaf(observations[at:at + BLOCK]))

    def root(self, count):
        leaves = self.leaves[:1 + count // BLOCK]
        if count % BLOCK:
            leaves = leaves + [block_leaf(self.observations[count // BLOCK * BLOCK:count])]
        return node_hash(leaves)


class Ledger:
    """Everything that a node has told anybody. It must hold all of it for ever."""

    def __init__(self):
        self.streams = {}  # stream id → Known; a stream is in it once its making was acknowledged
        self.acknowledged = 0

    def of(self, stream):
        return self.streams.setdefault(stream, Known())

    def compare(self, name, held):
        """Holds what was told against what a node holds now, which from now on counts as told."""
        for stream, known in self.streams.items():
            if stream not in held:
                raise Lost("%s: the stream %s is lost with %d observations" % (name, stream, known.count()))
            there = held[stream].observations
            missing = [n for n in known.values if n >= len(there)]
            if missing:
                raise Lost("%s: %s: %d observations are lost: it ends at %d, it told of %d" %
                           (name, stream, len(missing), len(there), known.count()))
            for seq, (when, value) in enumerate(there):
                known.add(seq, value, when)
            for count, root in known.heads.items():
                if count > len(there):
                    raise Lost("%s: %s: a head at %d was told, it ends at %d" % (name, stream, count, len(there)))
                if held[stream].root(count) != root:
                    raise Fork("%s: %s: another root at %d than was told" % (name, stream, count))
        for stream, h in held.items():
            known = self.of(stream)
            for seq, (when, value) in enumerate(h.observations):
                known.add(seq, value, when)
            known.add_head(h.o["head_count"], bytes.fromhex(h.o["root"]))


# ---- a program at a node ----

class Program(Wire):
    """Publishes with many frames in flight, follows, and enters into a ledger what it is told; a node that
    dies ends it without an error."""

    def __init__(self, path, ledger):
        self.ledger = ledger
        self.flying = {}  # request → (stream, values)
        self.creating, self.followed = {}, {}
        self.dead = False
        self.refused = []
        self.unsent = bytearray()
        super().__init__(path)

    def pump(self, seconds=0.0):
        """Sends what it can and takes what has come, waiting at most so long for the first of it."""
        while not self.dead:
            self.push()
            if not select.select([self.sock], [self.sock] if self.unsent else [], [], seconds)[0]:
                return
            seconds = 0
            try:
                got = self.sock.recv(1 << 20)
            except ConnectionError:
                got = b""
            self.dead = not got
            self.buffer += got
            for kind, body in frames(self.buffer):
                self.take(kind, body)

    def push(self):
        try:
            while self.unsent:
                del self.unsent[:self.sock.send(self.unsent, socket.MSG_DONTWAIT)]
        except BlockingIOError:
            pass
        except ConnectionError:
            self.unsent.clear()  # what it has said last may still be read

    def drain(self):
        """All that a dead node has said."""
        end = time.monotonic() + DEADLINE
        while not self.dead:
            check(time.monotonic() < end, "the link of a dead node stays open")
            self.pump(0.1)

    def ask_later(self, method, **params):
        self.last += 1
        self.unsent += frame(REQUEST, leb(self.last) + json.dumps(dict(params, method=method)).encode())
        return self.last

    def create_later(self, name):
        self.creating[self.ask_later("create", descriptor={"source": "crash", "stream": name, "target": ""})] = name

    def follow_later(self, stream, start):
        self.followed[self.ask_later("follow", stream=stream, **{"from": start}, heads=True, credit=1 << 24)] = stream

    def publish_later(self, stream, values):
        self.last += 1
        self.flying[self.last] = stream, values
        entries = b"".join(b"\0" + leb(len(v)) + v for v in values)
        self.unsent += frame(PUBLISH, leb(self.last) + raw(stream) + bytes([NOW]) + bytes(8) + entries)

    def take(self, kind, body):
        id, at = unleb(body)
        if kind == PUBLISHED:
            self.take_published(id, body, at)
        elif kind == ANSWER and id in self.creating:
            self.ledger.of(json.loads(body[at:])["stream"])
            del self.creating[id]
        elif kind == DATA:
            self.take_data(self.followed[id], body, at)
        elif kind == HEAD:
            count, root = struct.unpack_from("<Q32s", body, at + 32)
            self.ledger.of(self.followed[id]).add_head(count, root)
        elif kind == ERROR:
            self.flying.pop(id, None)
            self.creating.pop(id, None)
            self.refused.append(json.loads(body[at:]))
        elif kind == STATE and "end" in json.loads(body[at:]):
            self.refused.append(json.loads(body[at:]))

    def take_published(self, id, body, at):
        stream, values = self.flying.pop(id)
        seq, at = unleb(body, at)
        n, at = unleb(body, at)
        check(n == len(values), "published %d of %d" % (n, len(values)))
        for k, v in enumerate(values):
            self.ledger.of(stream).add(seq + k, v)
        self.ledger.acknowledged += n

    def take_data(self, stream, body, at):
        for seq, when, value in run_of(body, at):
            self.ledger.of(stream).add(seq, value, when)


def raw(stream):
    return bytes.fromhex(stream.replace("-", ""))


def run_of(body, at):
    """The observations of a DATA frame behind its follow: (seq, time, value)."""
    seq, at = unleb(body, at)
    when = struct.unpack_from("<q", body, at)[0]
    at += 8
    while at < len(body):
        delta, at = unleb(body, at)
        n, at = unleb(body, at)
        when += delta
        yield seq, when, bytes(body[at:at + n])
        seq, at = seq + 1, at + n


def all_streams(w):
    found, after = [], {}
    while True:
        answer = w.ask("streams", limit=256, **after)
        found += answer["streams"]
        if not answer["more"]:
            return found
        after = {"after": found[-1]["stream"]}


def history(w, stream, count):
    """[(time, value)] of the first `count` observations."""
    out = []
    if count == 0:
        return out
    w.last += 1
    w.request(w.last, "follow", stream=stream, **{"from": 0, "until": count}, credit=1 << 24)
    follow = w.last
    while True:
        kind, body = w.want(lambda k, b: k in (DATA, STATE, ERROR) and unleb(b)[0] == follow)
        at = unleb(body)[1]
        if kind == ERROR:
            raise Failed("follow: %s" % json.loads(body[at:]))
        if kind == STATE:
            state = json.loads(body[at:])
            if "end" not in state:
                continue
            check(state["end"] == "done" and len(out) == count, stream, "ends with", state, "at", len(out), "of", count)
            return out
        before = len(out)
        for seq, when, value in run_of(body, at):
            check(seq == len(out), "seq", seq, "where", len(out), "was due")
            out.append((when, value))
        w.send(frame(10, leb(follow) + leb(max(1, len(body) - before))))


def read_node(sock):
    """Everything that a node holds: stream id → Held; each stream is verified by the node too."""
    out = {}
    with Wire(sock) as w:
        for o in all_streams(w):
            if "head_count" not in o:
                continue
            out[o["stream"]] = Held(o, history(w, o["stream"], o["count"]))
            v = w.ask("verify", stream=o["stream"])
            check(v["ok"] and not v["damaged"], "verify of", o["stream"], "found", v)
    return out


# ---- a node ----

class Process(Daemon):
    """With a pipe that it and its forks hold: at its end none of them runs any more."""

    def __init__(self, config, folder, env, runneld):
        self.log_path = os.path.join(folder, "log")
        self.held, end = os.pipe()
        with open(self.log_path, "ab") as log:
            self.start = log.tell()
            self.process = subprocess.Popen([runneld, "-c", config], stderr=log, stdin=subprocess.DEVNULL, env=env,
                                            pass_fds=[end])
        os.close(end)

    def wait(self):
        code = self.process.wait(DEADLINE)
        check(select.select([self.held], [], [], DEADLINE)[0], "a fork has outlived its daemon")
        os.close(self.held)
        return code


class Node:
    """A node whose data folder lies on a Disk. `runneld`, `plugins`: other programs than those of the build."""

    runneld, plugins, deaf = None, None, None

    def __init__(self, folder, name, port=None, peers=(), identity="data/identity"):
        self.name, self.folder = name, os.path.join(folder, name)
        self.sock, self.identity = self.folder + "/sock", "%s/disk/%s" % (self.folder, identity)
        os.makedirs(self.folder + "/disk", exist_ok=True)
        self.disk = Disk(self.folder + "/disk", self.folder + "/journal")
        tcp = {"plugin": "tcp"}
        if port:
            tcp["listen"] = "127.0.0.1:%d" % port
        self.whole = self.write("whole", {"net": tcp}, {"known": {"plugin": "static", "peers": {"*": list(peers)}}})
        self.alone = self.write("alone", {}, {})
        self.process = None

    def write(self, name, transports, discovery):
        path = "%s/%s.conf" % (self.folder, name)
        with open(path, "w") as f:
            json.dump({"node": {"data": self.folder + "/disk/data", "name": self.name,
                                "identity": self.identity},
                       "storage": {"main": {"plugin": "bdb", "cache": "4MiB", "ballast": "64KiB"}},
                       "transport": dict(transports, local={"plugin": "unix", "path": self.sock}),
                       "discovery": discovery}, f)
        return path

    def start(self, config=None, **shim):
        """Starts it; whether it got ready, which it need not when the shim was told to kill it."""
        more = {"RUNNEL_CRASH_" + k: str(v) for k, v in shim.items()}
        if self.deaf:
            more["RUNNEL_CRASH_DEAF"] = self.deaf
        if self.plugins:
            more["RUNNEL_PLUGIN_PATH"] = "%s:%s" % (self.plugins, BUILD)
        env = environment(LD_PRELOAD=SHIM, RUNNEL_CRASH_DIR=self.disk.path, RUNNEL_CRASH_JOURNAL=self.disk.journal, **more)
        self.daemon = Process(config or self.whole, self.folder, env, self.runneld or RUNNELD)
        self.process = self.daemon.process
        ready = until(lambda: "daemon: ready" in self.daemon.log() or self.process.poll() is not None, "a start")
        if self.process.poll() is None:
            return bool(ready)
        killed = self.process.returncode == -signal.SIGKILL and "volatile.c" not in self.daemon.log()
        check(killed and "AT" in shim, self.name, "does not start:\n" + self.daemon.log())
        return False

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """Kills it, if it has not died by itself; the journal must then explain what is there."""
        if self.running():
            self.process.send_signal(signal.SIGKILL)
        self.daemon.wait()
        self.check_end((-signal.SIGKILL,))

    def stop(self):
        """Its exit code: 0, or that of a kill by the shim meanwhile."""
        self.process.send_signal(signal.SIGTERM)
        self.daemon.wait()
        return self.check_end((0, -signal.SIGKILL))

    def check_end(self, codes):
        log, code = self.daemon.log(), self.process.returncode
        check(code in codes and "volatile.c" not in log and "Sanitizer" not in log, self.name,
              "ended with", code, "\n" + log)
        self.process = None
        self.disk.compare()
        return code

    def check_alone(self, ledger, **shim):
        """Starts it without peers and holds what it has against the ledger; False when it died meanwhile. However
        it ended before, it is no copy and has lost nothing: so it goes on by itself as the author of its streams,
        and finds nothing to report, such as a store that is damaged and was moved aside."""
        if not self.start(self.alone, **shim):
            self.kill()
            return False
        try:
            held = read_node(self.sock)
            author = self.author()
        except (ConnectionError, Failed):
            if self.running() or "AT" not in shim:
                raise
            self.kill()
            return False
        ledger.compare(self.name, held)
        if author["state"] != "confirmed":
            raise Lost("%s: it takes itself for a copy, or for one that has lost its store: %s" % (self.name, author))
        errors = re.findall(r"^\S+ error .*", self.daemon.log(), re.M)
        if errors:
            raise Lost("%s: a crash has damaged something: %s" % (self.name, errors[0]))
        return True

    def author(self):
        with Wire(self.sock) as w:
            return w.ask("status")["author"]


def clean(*nodes):
    for n in nodes:
        if n.process is not None and n.process.poll() is None:
            n.process.kill()
            n.daemon.wait()


__all__ = ["Node", "Program", "Ledger", "Lost", "Fork", "read_node", "all_streams", "clean", "until", "check"]
