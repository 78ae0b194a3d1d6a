# SPDX-License-Identifier: MIT
"""bench.py — the benchmarks themselves: the load program counts right, bench/run says what is wrong and leaves nothing.
May touch: temporary folders, loopback ports, a folder below the build folder."""
import contextlib
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from pair import Node, nodes
from spreaders import Spreader
from tap import BUILD, DEADLINE, SRC, check, environment, equal, main, until

LOAD = os.path.join(BUILD, "bench/load/load")
RUN = os.path.join(SRC, "bench/run")


def load(*words):
    """(exit code, what it has printed, its errors)"""
    p = subprocess.run([LOAD, *(str(w) for w in words)], capture_output=True, text=True, timeout=2 * DEADLINE,
                       stdin=subprocess.DEVNULL, env=environment())
    return p.returncode, json.loads(p.stdout) if p.stdout.startswith("{") else p.stdout, p.stderr


def measured(*words):
    code, said, err = load(*words, "--deadline", int(DEADLINE))
    equal((code, err), (0, ""), words)
    check(said["seconds"] > 0 and 0 < said["p50_us"] <= said["p99_us"], said)
    check(abs(said["rate"] * said["seconds"] - said["messages"]) <= 0.01 * said["messages"] + 1, said)
    return said


def words_of_load(f):
    equal(load("--help")[0], 0)
    for words, want in (((), "Usage"), (("publish",), "--to is missing"), (("nonsense", "--to", "x"), "unknown mode nonsense"),
                        (("publish", "--to", "x", "--proto", "smtp"), "smtp"), (("publish", "--to", "x", "--nonsense", "1"), "--nonsense"),
                        (("publish", "--to"), "value is missing"), (("publish", "--to", "x", "--count", "1x"), "1x"),
                        (("publish", "--to", "x", "--clients", "0"), "from 1 to"),
                        (("publish", "--to", "x", "--proto", "runnel"), "--stream"),
                        (("disk", "--to", f + "/x"), "--count or --seconds"),
                        (("publish", "--to", "ftp://x", "--proto", "runnel", "--stream", "s", "--count", "1"), "unix:///path")):
        code, _, err = load(*words)
        equal(code, 2, err)
        check(want in err, want, "in", err)


def publishes_into_a_node(f):
    node = Node(f, "one")
    with nodes(node):
        streams = [node.create("s%d" % i) for i in range(3)]
        kept = [0, 0, 0]
        for clients, flight, several in ((1, 1, 1), (1, 64, 1), (4, 1, 1), (6, 5, 3)):
            given = [w for s in streams[:several] for w in ("--stream", s)]
            said = measured("publish", "--proto", "runnel", "--to", node.address, "--clients", clients, "--flight", flight,
                            "--count", 601, *given)
            equal(said["messages"], 601)
            now = [node.count(s) for s in streams]
            equal(sum(now) - sum(kept), 601, "all that was acknowledged is there")
            equal([n > k for n, k in zip(now, kept)], [i < several for i in range(3)], "each stream that was named has some")
            kept = now
        values = [v for _, _, v in node.history(streams[0])]
        check(all(len(v) == 14 for v in values), "14 characters")
        equal(len(set(values)), len(values), "random")
        said = measured("publish", "--proto", "runnel", "--to", node.address, "--stream", streams[2], "--seconds", 1)
        check(said["seconds"] >= 1, said)
        equal(node.count(streams[2]) - kept[2], said["messages"])


def joins_and_reads(f):
    node = Node(f, "one")
    with nodes(node):
        stream = node.create("s")
        there = ("--proto", "runnel", "--to", node.address, "--stream", stream)
        for join, flight in ((2, 1), (256, 3)):
            said = measured("publish", *there, "--join", join, "--flight", flight, "--count", 10 * join)
            equal(said["messages"], 10 * join)
        equal(node.count(stream), 20 + 2560)
        code, _, err = load("publish", *there, "--join", 3, "--count", 10)
        equal(code, 2)
        check("no multiple" in err, err)
        for clients in (1, 3):
            said = load("read", *there, "--clients", clients, "--count", 2580)[1]
            equal(said["messages"], 2580 * clients)
        code, _, err = load("read", *there, "--count", 2581, "--deadline", 1)
        equal(code, 1, "there is one less")


def many_readers(f):
    node = Node(f, "one")
    with nodes(node):
        stream = node.create("s")
        there = ("--proto", "runnel", "--to", node.address, "--stream", stream, "--seconds", 1)
        said = measured("fanout", *there, "--clients", 20, "--flight", 50)
        kept = node.count(stream)
        check(kept > 50, said)
        equal(said["messages"], 20 * kept, "each reader has had each message")
        said = measured("fanout", *there, "--clients", 3, "--rate", 200)
        now = node.count(stream)
        equal(said["messages"], 3 * (now - kept))
        check(150 <= now - kept <= 201, "paced", said)
        idle = subprocess.Popen([LOAD, "idle", *(str(w) for w in there[:6]), "--clients", "30"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, env=environment())
        equal(json.loads(idle.stdout.readline())["messages"], 30)
        equal(idle.poll(), None, "they stay")
        idle.communicate(timeout=DEADLINE)
        equal(idle.returncode, 0)


def says_what_the_node_refuses(f):
    node = Node(f, "one")
    with nodes(node):
        stream = node.create("s")
        there = ("publish", "--proto", "runnel", "--to", node.address, "--count", 1, "--stream")
        code, _, err = load(*there, "00000000-0000-8000-8000-000000000000")
        equal(code, 1)
        check("not-found" in err, err)
        code, _, err = load(*there, "x")
        equal(code, 2)
        check("want a stream id" in err, err)
        node.daemon.signal(signal.SIGSTOP)
        code, _, err = load(*there, stream, "--deadline", 1)
        equal(code, 1, "it does not wait for ever")
        check("1 s are over: 0 of 1 connections" in err, err)
        node.daemon.signal(signal.SIGCONT)
    code, _, err = load(*there, stream)
    equal(code, 1)
    check("cannot connect" in err, err)


def writes_to_the_disk(f):
    said = measured("disk", "--to", f + "/file", "--count", 7, "--bytes", 1000)
    equal((said["messages"], os.path.getsize(f + "/file")), (7, 7000))
    code, _, err = load("disk", "--to", f + "/none/file", "--count", 1)
    equal(code, 1)
    check("cannot open" in err, err)


# ---- the peers, played ----

class Played:
    """A server of one connection at a time on a free port: answer(line reader) gives what to send for each message, in pieces."""

    def __init__(self, answer):
        self.answer, self.count = answer, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                s, _ = self.listener.accept()
                with s, s.makefile("rb") as f:
                    s.settimeout(DEADLINE)
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    with contextlib.suppress(OSError, ValueError, StopIteration):
                        while True:
                            text = self.answer(self, f)
                            for piece in (text[:3], text[3:]):  # a message may come in any pieces
                                if piece:
                                    s.sendall(piece)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(DEADLINE)


def redis_words(f):
    n = f.readline()
    if not n:
        raise StopIteration
    words = []
    for _ in range(int(n[1:])):
        size = int(f.readline()[1:])
        words.append(f.read(size + 2)[:-2])
    return words


def redis_answer(server, f, last=b"$15\r\n1600000000000-0\r\n"):
    words = redis_words(f)
    if words == [b"PING"]:
        return b"+PONG\r\n"
    check(words[:4] == [b"XADD", b"key", b"*", b"v"] and len(words[4]) == 16, words)
    server.count += 1
    return last


def nats_answer(server, f, last=b'{"stream":"s","seq":1}'):
    words = f.readline().split()
    if not words:
        raise StopIteration
    if words[0] == b"CONNECT":
        return b'INFO {"version":"2"}\r\nPING\r\n'
    if words[0] == b"PING":
        return b"PONG\r\n"
    if words[0] == b"PUB":
        equal((words[1], int(words[3]), len(f.read(18))), (b"key", 16, 18))
        server.count += 1
        return b"MSG %s 1 %d\r\n%s\r\n" % (words[2], len(last), last)
    check(words[0] in (b"SUB", b"PONG"), words)
    return b""


def publishes_into(proto, answer, refusals):
    def test(_):
        there = ("publish", "--proto", proto, "--stream", "key", "--count", 50, "--deadline", int(DEADLINE))
        with Played(answer) as server:
            for flight in (1, 20):
                equal(measured(*there, "--to", server.address, "--flight", flight)["messages"], 50)
            equal(server.count, 100)
        for last, want in refusals:
            with Played(lambda s, f, b=last: answer(s, f, b)) as server:
                code, _, err = load(*there, "--to", server.address)
                equal(code, 1, err)
                check(want in err, want, "in", err)
    test.__name__ = "publishes_into_%s" % proto
    return test


def fans_out_with(proto):
    def test(_):
        there = ("fanout", "--proto", proto, "--stream", "key", "--clients", 5, "--seconds", 1)
        with Spreader(proto) as server:
            said = measured(*there, "--to", server.address, "--flight", 20)
            check(server.count > 20, said)
            equal(said["messages"], 5 * server.count)
        with Spreader(proto, lose=lambda n: n == 7) as server:
            code, _, err = load(*there, "--to", server.address, "--flight", 20, "--deadline", 2)
            equal(code, 1, "one is lost")
            check("messages have come" in err, err)
    test.__name__ = "fans_out_with_%s" % proto
    return test


# ---- bench/run ----

@contextlib.contextmanager
def own_folder():
    path = tempfile.mkdtemp(prefix="bench-", dir=BUILD)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def command(*words, env=None, program=RUN):
    p = subprocess.run([sys.executable, program, *words], capture_output=True, text=True, timeout=4 * DEADLINE,
                       stdin=subprocess.DEVNULL, env=env or environment(RUNNEL_BUILD=BUILD))
    return p.returncode, p.stdout, p.stderr


def words_of_run(f):
    code, out, err = command("--help")
    equal((code, err), (0, ""))
    check("bench/run NAME" in out and "ratio=R" in out, out)
    code, out, err = command("nonsense")
    equal((code, out), (2, ""))
    check("nonsense: no such row" in err and "publish, ingest" in err and "publish.1x1" in err, err)
    equal(command()[0], 2)
    code, out, err = command("publish", "--list")
    check("publish.16x16.16streams" in out.split(), out, err)
    code, out, err = command("publish", env=environment(RUNNEL_BUILD=BUILD, PATH=f))
    equal((code, out), (1, ""))
    check("redis-server is not there: run bench/setup" in err, err)
    p = subprocess.run([sys.executable, RUN, "disk.co2", "--list"], capture_output=True, text=True, timeout=DEADLINE, cwd=f,
                       env=environment(RUNNEL_BUILD=f))
    built = any(os.path.exists(os.path.join(SRC, b, "runneld")) for b in ("", "build"))  # where it looks besides
    equal(p.returncode, 0 if built else 1)
    check(built or "RUNNEL_BUILD" in p.stderr, p.stderr)


def a_row_and_its_table(f):
    with own_folder() as place:
        code, out, err = command("disk.co2", "--trial", "--json", "--folder", place)
        equal((code, err), (0, ""))
        rows = [json.loads(line) for line in out.splitlines()]
        equal([r["row"] for r in rows], ["disk.co2", "disk.co2.running", "disk.co2.grown"])
        sample = rows[0]["samples"]["runnel"][0]
        equal(sample["count"], 741, "as many as the file has rows")
        check(rows[0]["median"]["runnel"] * 741 == sample["after"] > sample["before"], rows[0])
        check(abs(rows[0]["ratio"]["csv"] * rows[0]["median"]["csv"] / rows[0]["median"]["runnel"] - 1) < 0.01, rows[0])
        check(not os.path.exists(place) or os.listdir(place) == [], "data is left")
    with open(f + "/json", "w") as j:
        j.write(out)
    code, out, err = command(f + "/json", program=os.path.join(SRC, "bench/table"))
    equal((code, err), (0, ""))
    equal(len(out.splitlines()), 2 + 3)
    check("`disk.co2.grown`" in out, out)
    with open(f + "/bad", "w") as j:
        j.write("nonsense\n")
    equal(command(f + "/bad", program=os.path.join(SRC, "bench/table"))[0], 1)


def processes_of(place):
    """Those whose command line has this folder in it."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError), open(path, "rb") as f:
            if place.encode() in f.read():
                found.append(path)
    return found


def ends_without_a_trace(_):
    for number in (signal.SIGINT, signal.SIGTERM):
        with own_folder() as place:
            p = subprocess.Popen([sys.executable, RUN, "disk.co2", "--trial", "--runs", "100000", "--folder", place],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(RUNNEL_BUILD=BUILD))
            try:
                until(lambda: glob.glob(place + "/run-*/*/data"), "a server's data")
                until(lambda: len(processes_of(place)) > 1, "a server")
                p.send_signal(number)
                _, err = p.communicate(timeout=DEADLINE)
                equal(p.returncode, 130, err)
                check("stopped" in err, err)
                equal(processes_of(place), [])
                check(not os.path.exists(place) or os.listdir(place) == [], "data is left")
            finally:
                if p.poll() is None:
                    p.kill()
                    p.communicate()


main([words_of_load, publishes_into_a_node, joins_and_reads, many_readers, says_what_the_node_refuses, writes_to_the_disk,
      publishes_into("redis", redis_answer, [(b"-ERR full\r\n", "ERR full"), (b"?\r\n", "not understood")]),
      publishes_into("nats", nats_answer, [(b'{"error":{"code":503}}', "503"), (b"{}", "nats says")]),
      *map(fans_out_with, ("redis", "nats", "mqtt")), words_of_run, a_row_and_its_table, ends_without_a_trace])
