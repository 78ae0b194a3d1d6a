# SPDX-License-Identifier: MIT
"""import.py — CSV files in and out on real daemons: exactly, as often as one likes, killed anywhere.
May touch: temporary folders; daemons of its own on free loopback ports."""
import json
import os
import random
import subprocess
import sys
import time

from pair import RUNNEL, Node, nodes
from tap import DEADLINE, check, environment, equal, main, until

NS = 10**9


class Files(Node):
    """A node, and CSV files beside it, in bytes."""

    def path(self, name, data=None):
        path = os.path.join(self.folder, name)
        if data is not None:
            with open(path, "wb") as f:
                f.write(data)
        return path

    def make(self, name, *more):
        self.tool("create", "--source", "test", "--stream", name, *more)
        return "test/" + name

    def export(self, stream):
        path = self.path("export.csv")
        with open(path, "wb") as f:
            subprocess.run([RUNNEL, "--node", self.address, "history", stream, "--format", "csv"], stdout=f, check=True,
                           env=environment(), timeout=2 * DEADLINE)
        with open(path, "rb") as f:
            return f.read()

    def imported(self, stream, path, *more):
        return self.json("import", stream, path, *more)

    def refused(self, stream, path, *more):
        code, out, err = self.run("import", stream, path, *more)
        equal(code, 1, err)
        return err


def on_node(test):
    def run(f):
        n = Files(f, "n")
        with nodes(n):
            test(n)
    run.__name__ = test.__name__
    return run


def stamp(ns):
    """RFC 3339 as the tool writes it, for years that Python knows."""
    s, part = divmod(ns, NS)
    days, s = divmod(s, 86400)
    y, m, d = civil(days)
    text = "%04d-%02d-%02dT%02d:%02d:%02d" % (y, m, d, s // 3600, s // 60 % 60, s % 60)
    return text + ((".%09d" % part).rstrip("0") if part else "") + "Z"


def civil(days):
    import datetime
    d = datetime.date(1970, 1, 1) + datetime.timedelta(days=days)
    return d.year, d.month, d.day


# ---- there and back ----

VALUES = ['0', '-0', '1.50', '1e5', '1E+05', '-12345678901234567890.123456789012345678901234567890', '1e-400',
          '18446744073709551616', 'true', 'false', 'null', '""', '" "', '"a,b"', '"say \\"hi\\""', '"a\\nb\\r\\tc"',
          '"\\\\"', '"\\u0000\\u001f"', '"é 漢 🎈"', '"\\ud83c\\udf88"', '"\u2028\u0085\x7f"', '"\ufeff"', '" x "', '[]',
          '[1,"two",[null]]', '{}', '{"a":{"b":[1.0,"x,y"]},"c":""}', '"\'"', '","', '"\\""', '"now"',
          '"' + "x" * 16382 + '"', '[' * 32 + ']' * 32]
TIMES = [-2**63 + 1, -2**63 + 1, -9 * 10**18 - 1, -62 * NS, -NS, -999999999, -1, 0, 1, 999999999, NS, 1234567890123456789]


@on_node
def every_value_there_and_back(n):
    times = sorted((TIMES * 3)[:len(VALUES)])
    lines = ["%d,%s" % (t, v) for t, v in zip(times, VALUES)]
    a, b = n.make("a", "--unit", "ppm"), n.make("b", "--description", "another descriptor")
    p = subprocess.run([RUNNEL, "--node", n.address, "publish", a, "-"], input="\n".join(lines).encode(), env=environment(),
                       capture_output=True, timeout=DEADLINE)
    equal(p.returncode, 0, p.stderr)
    out = n.export(a)
    want = "time,value\n"
    for t, v in zip(times, VALUES):
        quoted = '"' + v.replace('"', '""') + '"' if '"' in v or "," in v else v
        text = {-2**63 + 1: "1677-09-21T00:12:43.145224193Z"}.get(t) or stamp(t)
        want += "%s,%s\n" % (text, quoted)
    equal(out.decode(), want)
    r = n.imported(b, n.path("out.csv", out))
    equal((r["seq"], r["imported"], r["empty"], r["refused"]), (0, len(VALUES), 0, 0))
    equal(n.export(b), out)
    ndjson = n.tool("history", b, "--format", "ndjson")
    equal(ndjson, "".join('{"seq":%d,"time":"%d","value":%s}\n' % (i, t, v) for i, (t, v) in enumerate(zip(times, VALUES))))


@on_node
def an_empty_stream_there_and_back(n):
    a, b = n.make("a"), n.make("b", "--unit", "x")
    out = n.export(a)
    equal(out, b"time,value\n")
    equal(n.imported(b, n.path("e.csv", out))["imported"], 0)
    equal(n.export(b), out)
    n.tool("publish", b, "1")
    equal(n.imported(b, n.path("e.csv", out))["imported"], 0)
    equal(n.count(b), 1)


# ---- a file's place ----

@on_node
def another_file_is_refused_with_both_values(n):
    s = n.make("s")
    good = b"time,value\n2020-01-01,1.0\n2020-01-02,2.0\n2020-01-03,3.0\n"
    n.imported(s, n.path("good.csv", good))
    for wrong, line, seq, here, there in (
            (good.replace(b"2.0", b"2.00"), 3, 1, "2020-01-02T00:00:00Z 2.00", "2020-01-02T00:00:00Z 2.0"),
            (good.replace(b"01-02", b"01-02T01:00:00"), 3, 1, "2020-01-02T01:00:00Z 2.0", "2020-01-02T00:00:00Z 2.0"),
            (good.replace(b"1.0", b'"""one"""', 1), 2, 0, '"one"', "1.0"),
            (good.replace(b"2020-01-01", b"2019-01-01"), 2, 0, "2019-01-01T00:00:00Z 1.0", "2020-01-01T00:00:00Z 1.0")):
        path = n.path("wrong.csv", wrong + b"2020-01-04,4\n")
        for more in ([], ["--seq", "0"], ["--skip-refused"]):
            err = n.refused(s, path, *more)
            check("wrong.csv:%d: " % line in err and "#%d " % seq in err and here in err and there + ";" in err, err)
    check("good.csv:2: " in n.refused(s, n.path("good.csv"), "--seq", "1"))
    check("3 observations only" in n.refused(s, n.path("good.csv"), "--seq", "4"))
    equal(n.count(s), 3)
    # long values are shown where they differ
    long = n.make("long")
    n.imported(long, n.path("l.csv", b'2020-01-01,"[%s5]"\n' % (b"1," * 500)), "--no-header")
    err = n.refused(long, n.path("l.csv", b'2020-01-01,"[%s6]"\n' % (b"1," * 500)), "--no-header")
    check("1,6]" in err and "1,5];" in err and len(err) < 500, err)


@on_node
def files_one_after_another(n):
    """Each month's file, in whatever pieces and overlaps, ends in one stream."""
    s = n.make("s")
    rows = [b"2020-01-%02d,%d\n" % (d, d) for d in range(1, 31)]
    for first, end, new in ((0, 10, 10), (10, 15, 5), (0, 15, 0), (5, 20, 5), (12, 14, 0), (0, 30, 10), (29, 30, 0)):
        r = n.imported(s, n.path("p.csv", b"time,value\n" + b"".join(rows[first:end])))
        equal((r["imported"], r["there"]), (new, end - first - new), (first, end))
    equal(n.export(s).count(b"\n"), 31)
    # one that begins at the last one's time: where it belongs cannot be seen, and --seq says it
    path = n.path("p.csv", b"time,value\n2020-01-30,1000\n2020-01-31,31\n")
    check("#29 " in n.refused(s, path))
    for new in (2, 0):
        equal(n.imported(s, path, "--seq", "30")["imported"], new)
    equal([v for _, _, v in n.history(s)][-3:], [30, 1000, 31])


@on_node
def equal_times(n):
    """All rows have one time: the seqs say what is there."""
    s = n.make("s")
    for k in (3, 3, 700, 700, 900):
        n.imported(s, n.path("t.csv", b"time,value\n" + b"".join(b"2020-01-01,%d\n" % (i // 2) for i in range(k))))
        equal([v for _, _, v in n.history(s)], [i // 2 for i in range(k)][:max(k, n.count(s))])
    equal(n.count(s), 900)


# ---- what is refused ----

@on_node
def rows_left_out_are_left_out_again(n):
    s = n.make("s")
    bad = (b"x,1\n", b"2020-01-01,\n", b"\n", b"1999-01-01,5\n", b"2020-01-01,oops\n", b'2020-01-01,"1"x\n', b"2020-01-01\n")
    r = random.Random(3)
    rows, values = [], []
    for i in range(3000):
        if r.random() < 0.3 and i > 0:
            rows.append(r.choice(bad))
        rows.append(b"2020-02-01T%02d:%02d:%02d,%d\n" % (i // 3600, i // 60 % 60, i % 60, i))
        values.append(i)
    rows[1:1] = [b"oops,2\n"]
    whole = b"time,value\n" + b"".join(rows)
    equal(n.run("import", s, n.path("f.csv", whole))[0], 1)
    equal(n.count(s), 0)
    done = 0
    for end in (1, 2, 3, 700, 701, 702, 1500, len(rows), len(rows)):
        got = n.imported(s, n.path("f.csv", b"time,value\n" + b"".join(rows[:end])), "--skip-refused")
        equal(got["there"], done)
        done += got["imported"]
        equal([v for _, _, v in n.history(s)], values[:done])
    equal(done, 3000)


@on_node
def a_row_of_the_future_left_out_before(n):
    """At the first import the clock said that a row lies ahead; at the next it does not any more."""
    s = n.make("s")
    path = n.path("f.csv", b"time,value\n2020-01-01,1\n2020-01-02,2\n2020-01-03,3\n")
    n.imported(s, path)  # what the first import made of the file below
    path = n.path("f.csv", b"time,value\n2020-01-01,1\n2021-01-01,-1\n2020-01-02,2\n2020-01-03,3\n2020-01-04,4\n")
    check("f.csv:3: " in n.refused(s, path))
    r = n.imported(s, path, "--skip-refused")
    equal((r["imported"], r["there"], r["refused"]), (1, 3, 1))
    equal([v for _, _, v in n.history(s)], [1, 2, 3, 4])


# ---- what is no file ----

@on_node
def standard_input_and_pipes(n):
    data = b"time,value\n" + b"".join(b"2020-01-01T00:%02d:%02d,%d\n" % (i // 60, i % 60, i) for i in range(3000))
    bad = data + b"2019-01-01,5\n"
    args = [RUNNEL, "--node", n.address, "--json", "import"]

    def run(s, path, input, **more):
        p = subprocess.run(args + [s, path], input=input, capture_output=True, timeout=DEADLINE, env=environment(), **more)
        return p.returncode, p.stdout + p.stderr
    s = n.make("pipe")
    code, out = run(s, "-", bad)
    equal((code, n.count(s)), (1, 0), out)
    for new in (3000, 0):
        code, out = run(s, "-", data)
        equal((code, json.loads(out)["imported"]), (0, new))
    # a file on standard input is not copied; what was read of it before is not read again
    s = n.make("redirected")
    with open(n.path("x.csv", b"a comment\n" + data), "rb") as f:
        f.seek(10)
        os.lseek(f.fileno(), 10, os.SEEK_SET)
        p = subprocess.run(args + [s, "-"], stdin=f, capture_output=True, timeout=DEADLINE,
                           env=environment(TMPDIR="/nonexistent"))
    equal(p.returncode, 0, p.stderr)
    equal(n.export(s), n.export("test/pipe"))
    # a name that is a pipe
    s = n.make("fifo")
    os.mkfifo(n.path("fifo"))
    p = n.popen("import", s, n.path("fifo"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with open(n.path("fifo"), "wb") as f:
        f.write(data)
    out, err = p.communicate(timeout=DEADLINE)
    equal(p.returncode, 0, err)
    equal(n.export(s), n.export("test/pipe"))
    # no room for the copy, no input at all
    env = environment(TMPDIR="/nonexistent", RUNNEL_NODE=n.address)
    p = subprocess.run([RUNNEL, "import", s, "-"], input=data, capture_output=True, timeout=DEADLINE, env=env)
    equal(p.returncode, 1)
    check(b"/nonexistent" in p.stderr and b"TMPDIR" in p.stderr, p.stderr)
    check("is empty" in n.refused(s, "/dev/null"))
    check("directory" in n.refused(s, n.folder))


@on_node
def a_big_file_in_little_memory(n):
    """The tool's peak for a file ten times as big is about the same."""
    # A child's peak counts from its parent's: the one that starts it is small.
    meter = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
             "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")

    def peak(name, rows):
        s, path = n.make(name), n.path("big.csv", b"time,value\n")
        with open(path, "ab") as f:
            for i in range(rows):
                f.write(b'2020-01-01,"""%d %s"""\n' % (i, b"x" * 1000))
        kib = [int(subprocess.run([sys.executable, "-c", meter, RUNNEL, "--node", n.address, "import", s, path],
                                  stdout=subprocess.PIPE, env=environment(ASAN_OPTIONS="quarantine_size_mb=1"),
                                  timeout=4 * DEADLINE, check=True).stdout) for _ in range(2)]
        equal(n.count(s), rows)
        return kib
    small, big = peak("small", 5000), peak("big", 50000)
    for a, b in zip(small, big):
        check(b < a + 16384, "KiB:", small, big)


# ---- killed anywhere ----

def random_value(r):
    kind = r.randrange(8)
    if kind == 0:
        return json.dumps("".join(r.choice('ab",\\\n\r\té漢🎈 \x7f') for _ in range(r.randrange(20))), ensure_ascii=r.random() < 0.5)
    if kind == 1:
        return r.choice(["null", "true", "false", "[]", "{}", '""'])
    if kind == 2:
        return json.dumps({"k": [r.random(), "x,y"], "é": None}, separators=(",", ":"), ensure_ascii=False)
    if kind == 3:
        return json.dumps("x" * r.randrange(3000))
    return r.choice(["%d", "%d.0", "%de3", "-%d.50", "%dE-7"]) % r.randrange(10**r.randrange(1, 18))


def random_file(r, size):
    """(the file, [(time, value)])"""
    t, want, lines = r.randrange(-3 * 10**18, 10**18), [], [b"value,other,time"]
    for i in range(size * r.randrange(3000, 12000)):
        t += r.choice([0, 0, 1, 999, NS, 86400 * NS])
        v = random_value(r)
        want.append((t, v))
        cell = v
        if '"' in v or "," in v or r.random() < 0.1:
            cell = '"' + v.replace('"', '""') + '"'
        if r.random() < 0.05:
            cell = "  %s " % cell if cell[0] != '"' else cell
        lines.append(("%s,,%s" % (cell, stamp(t))).encode())
        if r.random() < 0.02:
            lines.append(r.choice([b",x,2020-01-01", b""]))
    end = r.choice([b"\n", b"\r\n"])
    return end.join(lines) + r.choice([end, b""]), want


def cut_off(n, r, stream, path, pipe, span):
    """Starts an import and kills it, or the daemon, at some time; whether it was at work."""
    with open(path, "rb") as f:
        p = n.popen("import", stream, "-" if pipe else path, stdin=f if pipe else subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(r.random() * span)  # a random point, not a hope: each is right
    if r.random() < 0.5:
        p.kill()
        p.wait()
        if r.random() < 0.5:
            n.kill()
            n.start()
    else:
        n.kill()
        if r.random() < 0.5:
            p.kill()
            p.wait()
        n.start()
        p.wait(2 * DEADLINE)


def killed(n, seed, size):
    r = random.Random(seed)
    data, want = random_file(r, size)
    path = n.path("r.csv", data)
    begun = time.monotonic()
    n.imported(n.make("whole%d" % seed), path)
    span = time.monotonic() - begun
    stream, cuts, counts = n.make("cut%d" % seed), 0, [0]
    for _ in range(6):
        cut_off(n, r, stream, path, r.random() < 0.3, span)
        counts.append(n.count(stream))
        check(counts[-1] >= counts[-2], counts)
        cuts += 0 < counts[-1] < len(want)
    there = n.imported(stream, path)
    equal((there["there"], there["imported"]), (counts[-1], len(want) - counts[-1]))
    for s in (stream, "test/whole%d" % seed):
        lines = n.tool("history", s, "--format", "ndjson").split("\n")[:-1]
        equal(len(lines), len(want))
        for i, (line, (t, v)) in enumerate(zip(lines, want)):
            equal(line, '{"seq":%d,"time":"%d","value":%s}' % (i, t, v))
    out = n.export(stream)
    back = n.make("back%d" % seed, "--unit", "x")
    n.imported(back, n.path("b.csv", out))
    equal(n.export(back), out)
    equal(n.imported(stream, path)["imported"], 0)
    return cuts


def killed_anywhere(f):
    """Random files, ever larger ones until one takes long enough to be cut off; the tool and the daemon killed at random
    points, then again until done."""
    n = Files(f, "n")
    with nodes(n):
        cuts, seed = 0, int(os.environ.get("RUNNEL_SEED", "1"))
        end = time.monotonic() + 4 * DEADLINE
        for k in range(1000):
            if (k >= 3 and cuts > 0) or time.monotonic() > end:
                break
            cuts += killed(n, seed + k, min(1 + k, 20))
        check(cuts > 0, "no import was cut off in its middle")


def kills_under(n, p, stream, kills):
    """Kills the daemon when an import has begun to publish, and again as soon as it says that it goes on, or a
    little later. How often before it ended, and what it said."""
    r, said = random.Random(1), ""
    until(lambda: p.poll() is not None or n.count(stream) > 0, "the import publishes")
    for k in range(kills):
        if p.poll() is not None:
            return k, said
        n.kill()
        n.start()
        for line in p.stderr:
            said += line
            if "there again" in line:
                break
        time.sleep(r.random() * 0.02)  # a random point, not a hope: each is right
    return kills, said


def one_import_over_ten_kills(f):
    """The daemon is killed ten times under one import, which says that it waits and brings in each row once."""
    n = Files(f, "n")
    with nodes(n):
        for rows in (1 << 19, 1 << 21):  # one that lasts long enough
            data = b"time,value\n" + b"".join(b"%s,%d\n" % (stamp(i * NS).encode(), i) for i in range(rows))
            stream, path = n.make("rows%d" % rows), n.path("ten.csv", data)
            p = n.popen("import", stream, path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                kills, said = kills_under(n, p, stream, 10)
                out, err = p.communicate(timeout=4 * DEADLINE)
            finally:
                p.kill()
                p.wait()
            equal((p.returncode, out), (0, "imported %d observations, #0 to #%d\n" % (rows, rows - 1)), said + err)
            check(n.export(stream) == data, "the export of", stream, "is not the file")
            equal(err, "")
            equal(said.count("waiting for the node"), said.count("there again"), said)
            if said.count("there again") == 10:
                print("# 10 kills under an import of %d rows" % rows)
                return
        check(False, "no import lasted long enough for ten kills")


main([every_value_there_and_back, an_empty_stream_there_and_back, another_file_is_refused_with_both_values,
      files_one_after_another, equal_times, rows_left_out_are_left_out_again, a_row_of_the_future_left_out_before,
      standard_input_and_pipes, a_big_file_in_little_memory, killed_anywhere, one_import_over_ten_kills])
