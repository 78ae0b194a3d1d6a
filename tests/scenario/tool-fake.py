# SPDX-License-Identifier: MIT
# tool-fake.py — the tool against a node that behaves, and one that does not: answers, errors, exit codes.
# May touch: a temporary folder with a unix socket; runs the tool.
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["RUNNEL_SRC"], "tests/scenario"))
from fakenode import NODE, FakeNode, Stream, frame, leb  # noqa: E402

SRC = os.environ["RUNNEL_SRC"]
TOOL = os.path.join(os.environ["RUNNEL_BUILD"], "runnel")
CO2 = os.path.join(SRC, "examples/data/co2-concentration.csv")
OTHER = "cd" * 32
tests = []


def test(f):
    tests.append(f)
    return f


class Case:
    """A fresh node for each test, and the tool on it."""

    def __init__(self, folder):
        self.folder = folder
        self.node = FakeNode(os.path.join(folder, "s"))
        self.env = dict(os.environ, RUNNEL_NODE=self.node.address())

    def run(self, *args, stdin=None, exit=0, **more):
        r = subprocess.run([TOOL, *args], input=stdin, capture_output=True, text=True, timeout=60,
                           env=dict(self.env, **more))
        if r.returncode != exit:
            raise AssertionError("%s: exit %d, want %d\nout: %s\nerr: %s" %
                                 (args, r.returncode, exit, r.stdout[-400:], r.stderr[-400:]))
        return r

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", newline="", encoding="utf-8") as f:
            f.write(text)
        return path

    def stream(self, *args, obs=(), **more):
        s = Stream(*args, **more)
        s.obs = [[t, v] for t, v in obs]
        self.node.streams.append(s)
        return s


def equal(got, want):
    assert got == want, "got %r, want %r" % (got, want)


def has(text, *parts):
    for p in parts:
        assert p in text, "%r lacks %r" % (text, p)


# ---- the command line ----

@test
def misspelt_words_get_a_hint(c):
    has(c.run("histroy", exit=2).stderr, 'did you mean "history"')
    has(c.run("stat", exit=2).stderr, 'did you mean "status"')
    has(c.run("xyzzy", exit=2).stderr, 'no command "xyzzy"')
    has(c.run("history", "x", "--form", "csv", exit=2).stderr, "did you mean --format")
    assert "did you mean" not in c.run("zzzzzzzz", exit=2).stderr


@test
def the_command_line_is_checked(c):
    for args in ([], ["history"], ["history", "a", "b"], ["status", "--json=1"], ["history", "x", "--last"],
                 ["history", "x", "--last", "0"], ["history", "x", "--last", "1", "--last", "2"], ["-q"],
                 ["history", "x", "--format", "xml"], ["publish", "x"], ["help", "nothing"], ["-n"],
                 ["plot", "x", "--width", "3"], ["at", "x", "yesterday"]):
        assert c.run(*args, exit=2).stderr
    has(c.run("--version").stdout, "runnel ")
    has(c.run("help").stdout, "Commands:")
    has(c.run("--help").stdout, "Commands:")
    has(json.loads(c.run("--json", "histroy", exit=2).stderr)["error"]["message"], "did you mean")


@test
def no_node_is_3(c):
    r = c.run("status", exit=3, RUNNEL_NODE="unix:///nowhere/s")
    has(r.stderr, "no node reachable", "unix:///nowhere/s", "Is runneld running?")
    c.run("status", "-n", "tcp://127.0.0.1:1", exit=3)
    c.run("-ntcp://10.1.1.1:1", "status", exit=2)
    c.run("status", "--node", c.node.address(), RUNNEL_NODE="unix:///nowhere/s")


@test
def status_peers_and_plugins(c):
    has(c.run("status").stdout, NODE, "1 h 2 min", c.node.address())
    equal(json.loads(c.run("status", "--json").stdout)["node"], NODE)
    has(c.run("peers").stdout, "cdcdcdcd", "by us", "1 min", "1.5 KiB", "3.0 MiB")
    equal(len(json.loads(c.run("--json", "peers").stdout)["peers"]), 1)
    has(c.run("plugins").stdout, "keeps everything in memory", "instances")
    json.loads(c.run("plugins", "--json").stdout)
    equal(c.node.hellos[0]["runnel"], [1])


# ---- naming streams ----

@test
def streams_are_found_by_what_people_type(c):
    a = c.stream("noaa", "temp", "seattle", obs=[(1, "1")])
    b = c.stream("noaa", "temp", obs=[(1, "2")])
    d = c.stream("noaa", "wind", "seattle", obs=[(1, "3")])
    e = c.stream("noaa", "wind", "seattle", author=OTHER, own=False, obs=[(1, "4")])
    c.node.page = 1  # the list comes in pages

    def value(name):
        return c.run("at", name, "1", "--json").stdout

    for name, s in ((a.id, a), (a.id.upper(), a), (a.id[:13], a), ("noaa/temp/seattle", a), ("noaa/temp", b),
                    ("noaa/temp/", b), (NODE + "/noaa/wind/seattle", d), (OTHER + "/noaa/wind", e)):
        equal(json.loads(value(name))["value"], int(s.obs[0][1]))
    r = c.run("head", "noaa/wind", exit=4)
    has(r.stderr, "2 streams are meant", d.id, e.id)
    has(c.run("head", "noaa/wind/seattle", "--json", exit=4).stderr, '"conflict"')
    for name in ("nothing", "noaa", "noaa/rain", "noaa/tem", "abc", "00000000-0000-8000-8000-000000000000", "ffff0000",
                 OTHER + "/noaa/temp"):
        assert c.run("head", name, exit=4).stderr


@test
def lists_line_up(c):
    equal(c.run("streams").stdout.count("no streams yet"), 1)
    equal(c.run("streams", "--json").stdout, '{"streams":[]}\n')
    c.stream("wetter", "größe", "zürich", obs=[(0, "1")] * 7)
    c.stream("天気", "気温", obs=[(0, "1")] * 1234)
    lines = c.run("streams").stdout.splitlines()
    equal(len(lines), 3)

    def columns(text):  # wide characters count twice
        return sum(2 if ord(x) > 0x2E80 else 1 for x in text)

    equal(len({columns(line[:line.index("abababab") if "abababab" in line else line.index("author")])
               for line in lines}), 1)
    equal(len(json.loads(c.run("streams", "--json").stdout)["streams"]), 2)


@test
def create_and_head(c):
    r = c.run("create", "--source", "s", "--stream", "x", "--unit", "°C", "--cadence", "10s", "--description", "d")
    has(r.stdout, c.node.streams[0].id)
    equal(c.node.seen[-1]["descriptor"]["meta"], {"unit": "°C", "cadence": 10000, "description": "d"})
    equal(json.loads(c.run("create", "--source", "s", "--stream", "x", "--unit", "°C", "--cadence", "10s",
                           "--description", "d", "--json").stdout)["created"], False)
    has(c.run("head", "s/x").stdout, "°C", "s/x", NODE, "own")
    for args in (["--source", "s"], ["--source", "s", "--stream", "x", "--cadence", "soon"],
                 ["--source", "s", "--stream", "x", "--cadence", "1us"]):
        c.run("create", *args, exit=2)


@test
def subscribe_passes_full_names_through(c):
    has(c.run("subscribe", OTHER + "/a/b/").stdout, "subscribed")
    equal(c.node.seen[-1], {"method": "subscribe", "stream": OTHER + "/a/b/"})
    id = "00000000-0000-8000-8000-000000000000"
    equal(json.loads(c.run("subscribe", id, "--json").stdout)["added"], True)
    equal(c.node.seen[-1]["stream"], id)
    c.run("subscribe", "a/b", exit=4)
    s = c.stream("a", "b", own=False)
    c.run("subscribe", "a/b")
    equal(c.node.seen[-1]["stream"], s.id)
    has(c.run("unsubscribe", "a/b").stdout, "did not follow")


# ---- publish ----

@test
def publish_words(c):
    s = c.stream("s", "x")
    has(c.run("publish", "s/x", "1.50", '"é"', "-3", ' { "a" : [ 1 ] } ', "--time", "2020-01-01").stdout, "#0 to #3")
    equal([v for _, v in s.obs], ["1.50", '"é"', "-3", '{"a":[1]}'])
    equal({t for t, _ in s.obs}, {1577836800000000000})
    before = time.time_ns()
    r = json.loads(c.run("publish", "s/x", "true", "--json", "--seq", "4").stdout)
    assert before <= int(r["first_time"]) <= time.time_ns() and r["seq"] == 4 and r["count"] == 1
    has(c.run("publish", "s/x", "true", "--seq", "4").stdout, "#4")  # a repeat
    has(c.run("publish", "s/x", "false", "--seq", "4", exit=1).stderr, "5 observations")
    has(c.run("publish", "s/x", "7", "--time", "2019-01-01", exit=1).stderr, "before the last")
    has(c.run("publish", "s/x", "hello", exit=1).stderr, "value 1", "quotes")
    has(c.run("publish", "s/x", "1", "1 2", exit=1).stderr, "value 2")
    c.run("publish", "s/x", '"' + "a" * 16383 + '"', exit=1)
    has(c.run("publish", "s/x", *['"' + "a" * 16000 + '"'] * 5, exit=1).stderr, "64 KiB")
    equal(len(s.obs), 5)


@test
def publish_lines(c):
    s = c.stream("s", "x")
    text = 'time,value\n2020-01-01,1\n\n2020-01-02T00:00:00Z,{"a":"b,c"}\r\n7\n"x"\n[1,2]'
    has(c.run("publish", "s/x", "-", stdin=text).stdout, "#0 to #4")
    equal([v for _, v in s.obs], ["1", '{"a":"b,c"}', "7", '"x"', "[1,2]"])
    equal(c.run("publish", "s/x", "-", stdin="").stdout, "nothing to publish\n")
    r = c.run("publish", "s/x", "-", stdin="8\noops\n9\n", exit=1)
    has(r.stderr, "line 2")
    has(r.stdout, "#5")
    equal(s.obs[-1][1], "8")
    c.run("publish", "s/x", "-", "--time", "now", stdin="", exit=2)
    path = c.file("big", "".join("%d\n" % i for i in range(100000)))  # a regular file, many batches
    with open(path, encoding="utf-8") as f:
        r = subprocess.run([TOOL, "publish", "s/x", "-", "--json"], stdin=f, capture_output=True, text=True, timeout=60,
                           env=c.env)
    equal((r.returncode, json.loads(r.stdout)["count"]), (0, 100000))
    equal([int(v) for _, v in s.obs[6:]], list(range(100000)))


@test
def lines_are_published_as_they_come(c):
    s = c.stream("s", "x")
    p = subprocess.Popen([TOOL, "publish", "s/x", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                         env=c.env)
    for i in range(5):
        p.stdin.write("%d\n" % i)
        p.stdin.flush()
        wait_for(lambda: len(s.obs) == i + 1)
        if i == 2:
            c.node.sessions[-1].close()
    p.stdin.close()
    equal(p.wait(60), 0)
    has(p.stdout.read(), "#0 to #4")
    p.stdout.close()


def wait_for(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.01)


# ---- import ----

@test
def import_keeps_numbers_as_written(c):
    s = c.stream("scripps", "co2")
    has(c.run("import", "scripps/co2", CO2, "--time", "Date", "--value", "CO2").stdout, "imported 741", "#0 to #740")
    with open(CO2, encoding="utf-8") as f:
        want = [line.split(",")[:2] for line in f.read().splitlines()[1:]]
    equal([v for _, v in s.obs], [v for _, v in want])
    out = c.run("history", "scripps/co2", "--format", "csv").stdout.splitlines()
    equal(out[0], "time,value")
    equal([[x[:10], x[21:]] for x in out[1:]], want)
    # again: nothing is added
    r = c.run("import", "scripps/co2", CO2, "--time", "1", "--value", "2", "--json")
    equal(json.loads(r.stdout), {"seq": 741, "imported": 0, "there": 741, "empty": 0, "refused": 0})
    equal(len(s.obs), 741)
    # a file that has grown
    grown = c.file("grown.csv", open(CO2, encoding="utf-8").read() + "2020-05-01,417.0,1\n")
    has(c.run("import", "scripps/co2", grown, "--time", "Date", "--value", "CO2", "--seq", "0").stdout,
        "imported 1 observations, #741 to #741; 741 were there already")
    equal((len(s.obs), s.obs[-1][1]), (742, "417.0"))


@test
def import_refuses_rows_and_changes_nothing(c):
    s = c.stream("s", "x")
    path = c.file("bad.csv", "t,v\n2020-01-02,1\n2020-01-01,2\nnonsense,3\n2020-01-03,abc\n2020-01-04\n2020-01-05,\n"
                             "5,5\n2200-01-01,9\n\n2020-01-06,7\nnow,8\n2020-01-07,\"9\"9\n2020-01-08,10\n")
    r = c.run("import", "s/x", path, "--time", "t", "--value", "v", exit=1)
    for line, why in ((3, "goes back"), (4, "nonsense"), (5, "no JSON"), (6, "column 2"), (8, "--epoch"),
                      (9, "10 minutes"), (12, "stays"), (13, "behind a closing quote")):
        has(r.stderr, "bad.csv:%d: " % line, why)
    has(r.stderr, "8 of the rows")
    equal(len(r.stderr.splitlines()), 9)
    equal(s.obs, [])
    told = [json.loads(line) for line in
            c.run("import", "s/x", path, "--time", "t", "--value", "v", "--json", exit=1).stderr.splitlines()]
    equal([o["refused"]["line"] for o in told[:-1]], [3, 4, 5, 6, 8, 9, 12, 13])
    has(told[-1]["error"]["message"], "8 of the rows")
    r = c.run("import", "s/x", path, "--time", "t", "--value", "v", "--skip-refused")
    has(r.stdout, "imported 3", "2 rows without a value", "8 refused")
    equal([v for _, v in s.obs], ["1", "7", "10"])
    # no more than a thousand are told, and how many there are
    many = c.file("many.csv", "t,v\n" + "x,1\n" * 1007)
    lines = c.run("import", "s/x", many, "--time", "t", "--value", "v", exit=1).stderr.splitlines()
    equal(len(lines), 1002)
    has(lines[1000], "and 7 more")


@test
def import_reads_rfc_4180(c):
    s = c.stream("s", "x")
    path = c.file("q.csv", '\ufeff"the ""time""", v \r\n"2020-01-01"," 1 "\r\n2020-01-02,"say ""hi"",\nyou"\r\n2020-01-03,true')
    c.run("import", "s/x", path, "--time", 'the "time"', "--value", "2", "--strings")
    equal([v for _, v in s.obs], ["1", '"say \\"hi\\",\\nyou"', "true"])
    out = c.run("history", "s/x", "--format", "csv").stdout
    has(out, '2020-01-02T00:00:00Z,"""say \\""hi\\"",\\nyou"""\n')
    for text in ('t,v\n2020-01-01,"1', 't,v\n2020-01-01,"1"x\n', ""):
        c.run("import", "s/x", c.file("b.csv", text), "--time", "t", "--value", "v", exit=1)
    c.run("import", "s/x", os.path.join(c.folder, "none.csv"), "--time", "t", "--value", "v", exit=1)
    has(c.run("import", "s/x", path, "--time", "t", "--value", "v", exit=2).stderr, 'the "time"')
    c.run("import", "s/x", path, "--time", "t", exit=2)


@test
def import_reads_epochs(c):
    s = c.stream("s", "x")
    path = c.file("e.csv", "-1,1\n0,2\n5,3\n")
    c.run("import", "s/x", path, "--time", "1", "--value", "2", "--epoch", "ms", "--no-header")
    equal([t for t, _ in s.obs], [-1000000, 0, 5000000])
    c.run("import", "s/x", path, "--time", "1", "--value", "2", "--epoch", "years", exit=2)


@test
def import_says_how_to_go_on(c):
    c.stream("s", "x")
    seen = []

    def fail_later(session, id, body):
        seen.append(id)
        if len(seen) > 2:
            session.error(id, "full", "no space")
        else:
            session.publish(id, body)

    c.node.script["publish"] = fail_later
    path = c.file("many.csv", "t,v\n" + "".join("%d,%d\n" % (i, i) for i in range(20000)))
    args = ["import", "s/x", path, "--time", "t", "--value", "v", "--epoch", "s"]
    r = c.run(*args, exit=1)
    has(r.stderr, "no space", "goes on behind them")
    assert 0 < len(c.node.streams[0].obs) < 20000
    c.node.script.clear()
    c.run(*args)
    equal([int(v) for _, v in c.node.streams[0].obs], list(range(20000)))


# ---- reading ----

@test
def history_ranges_and_formats(c):
    day = 86400 * 10**9
    c.stream("s", "x", meta={"unit": "m"}, obs=[(i * day, str(i)) for i in range(600)])
    c.node.chunk = 7

    def got(*args):
        lines = c.run("history", "s/x", "--json", *args).stdout.splitlines()
        return [json.loads(x)["seq"] for x in lines]

    equal(got(), list(range(600)))
    equal(got("--from", "1970-01-03", "--until", "1970-01-05"), [2, 3])
    equal(got("--from=#597"), [597, 598, 599])
    equal(got("--from=#597", "--until=#598"), [597])
    equal(got("--last", "2"), [598, 599])
    equal(got("--last", "2", "--until", "1970-01-03T12:00:00Z"), [1, 2])
    equal(got("--last", "2", "--until=#10"), [8, 9])
    equal(got("--last", "5", "--until", "1969-01-01"), [])
    equal(got("--from", "now"), [])
    c.run("history", "s/x", "--last", "1", "--from", "now", exit=2)
    has(c.run("history", "s/x", "--last", "1").stdout, "value (m)", "599  1971-08-23T00:00:00Z  599")
    equal(c.run("history", "s/x", "--format", "ndjson", "--last", "1").stdout,
          '{"seq":599,"time":"%d","value":599}\n' % (599 * day))


@test
def at(c):
    c.stream("s", "x", obs=[(10, "1"), (20, '"\u009b31m"')])
    out = c.run("at", "s/x", "25").stdout
    has(out, "1  1970-01-01T00:00:00.00000002Z")
    assert "\u009b" not in out  # nothing steers the terminal
    equal(json.loads(c.run("at", "s/x", "15", "--json").stdout), {"seq": 0, "time": "10", "value": 1})
    c.run("at", "s/x", "5", exit=1)


@test
def follow_writes_each_line_at_once(c):
    s = c.stream("s", "x", obs=[(1, "1"), (2, "2")])
    p = subprocess.Popen([TOOL, "follow", "s/x", "--last", "1", "--format", "csv", "-v"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, env=c.env)
    equal([p.stdout.readline() for _ in range(2)], ["time,value\n", "1970-01-01T00:00:00.000000002Z,2\n"])
    has(p.stderr.readline(), "live from #2")
    for i in range(3, 6):
        with c.node.lock:
            s.obs.append([i, str(i)])
        c.node.pump()
        has(p.stdout.readline(), "Z,%d" % i)
    c.node.sessions[-1].close()  # it opens another one and goes on in it
    with c.node.lock:
        s.obs.append([6, "6"])
    equal(p.stdout.readline(), "1970-01-01T00:00:00.000000006Z,6\n")
    for said in ("not live", "closed the session", "there again"):
        has(p.stderr.readline(), said)
    p.terminate()
    p.wait(60)
    p.stdout.close()
    p.stderr.close()


@test
def a_reader_that_goes_away_is_no_error(c):
    s = c.stream("s", "x", obs=[(i, str(i)) for i in range(200000)])
    p = subprocess.Popen([TOOL, "history", "s/x"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=c.env)
    p.stdout.readline()
    p.stdout.close()
    equal((p.wait(60), p.stderr.read()), (0, ""))
    p.stderr.close()
    p = subprocess.Popen([TOOL, "follow", "s/x", "--last", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True, env=c.env)
    p.stdout.readline()
    p.stdout.readline()
    p.stdout.close()
    with c.node.lock:
        s.obs.append([200000, "1"])
    c.node.pump()
    equal((p.wait(60), p.stderr.read()), (0, ""))
    p.stderr.close()
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w", encoding="utf-8") as full:
            r = subprocess.run([TOOL, "history", "s/x"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
                               env=c.env)
        equal(r.returncode, 1)
        has(r.stderr, "cannot write")


@test
def plot(c):
    c.stream("s", "x", meta={"unit": "ppm"}, obs=[(i * 86400 * 10**9, str((i - 50) ** 2)) for i in range(101)] +
             [(200 * 86400 * 10**9, '"text"')])
    r = c.run("plot", "s/x", "--width", "60", "--height", "8")
    lines = r.stdout.splitlines()
    equal(len(lines), 1 + 8 + 2 + 2)
    assert all(len(x) <= 60 for x in lines[:11]), lines
    has(r.stdout, "s/x, ppm", "┤", "└", "1970", "least 0, greatest 2500, last 2500", "1 that are no numbers")
    assert re.search("[\u2801-\u28ff]", r.stdout)
    r = c.run("plot", "s/x", "--ascii", "--until=#101")
    assert r.stdout.isascii()
    equal(json.loads(c.run("plot", "s/x", "--json").stdout)["numbers"], 101)
    c.run("plot", "s/x", "--from=#101", exit=1)
    c.stream("s", "one", obs=[(0, "5")])
    has(c.run("plot", "s/one").stdout, "1 observations")


# ---- verify ----

@test
def verify_tells_damage(c):
    s = c.stream("s", "x", obs=[(0, "1")])
    has(c.run("verify", "s/x").stdout, "whole and as signed", "1 observation in 1 block\n")
    c.node.script["verify"] = lambda session, id, r: session.answer(
        id, {"stream": s.id, "count": 1, "blocks": 1, "ok": False,
             "damaged": [{"block": 0, "from": 0, "message": "its hash is another"}]})
    has(c.run("verify", "s/x", exit=5).stdout, "DAMAGED", "block 0", "its hash is another")
    equal(json.loads(c.run("verify", "s/x", "--json", exit=5).stdout)["ok"], False)


# ---- a node that misbehaves ----

@test
def refusals_are_told(c):
    c.node.script["status"] = lambda s, id, r: s.error(id, "denied", "you may not")
    has(c.run("status", exit=1).stderr, "you may not")
    equal(json.loads(c.run("status", "--json", exit=1).stderr)["error"], {"code": "denied",
                                                                          "message": "status: you may not"})


@test
def a_session_that_breaks_is_3(c):
    c.stream("s", "x", obs=[(0, "1")])
    c.node.script["status"] = lambda s, id, r: s.close()
    has(c.run("status", exit=3).stderr, "closed the session")
    c.node.script["follow"] = lambda s, id, r: (s.send(b"\x09\x00\x00\x00\x03\x01{"), s.close())
    c.run("history", "s/x", exit=3)
    c.node.script["publish"] = lambda s, id, r: s.close()
    c.run("publish", "s/x", "1", exit=3)


@test
def a_node_that_sends_nonsense_is_1(c):
    s = c.stream("s", "x", obs=[(0, "1")])
    c.node.script["status"] = lambda x, id, r: x.send(frame(99, leb(id)))
    c.run("status", exit=1)
    c.node.script["peers"] = lambda x, id, r: x.answer(id, [])
    c.run("peers", exit=1)

    def gap(x, id, r):
        x.answer(id, {"stream": s.id, "from": 0, "count": 9, "live": True})
        x.data(id, 0, 0, [(0, "1")])
        x.data(id, 5, 0, [(0, "1")])

    c.node.script["follow"] = gap
    r = c.run("history", "s/x", "--format", "csv", exit=1)
    equal(r.stdout, "time,value\n1970-01-01T00:00:00Z,1\n")
    has(r.stderr, "observation 5 came, 1 was next")
    c.node.script["streams"] = lambda x, id, r: x.answer(id, {"streams": [{}], "more": True})
    c.run("streams", exit=1)
    c.node.script["streams"] = lambda x, id, r: x.answer(id, {"streams": [], "more": True})
    c.run("streams")  # an empty page is the last one


@test
def frames_byte_by_byte(c):
    c.node.chunk = 1
    s = c.stream("s", "x")
    c.run("publish", "s/x", "1", "2")
    equal(len(c.run("history", "s/x", "--json").stdout.splitlines()), 2)
    has(c.run("head", s.id).stdout, s.id)


# ---- terminals ----

def on_terminal(c, args):
    """Runs with standard error on a terminal; returns what came there."""
    main, other = pty.openpty()
    p = subprocess.Popen([TOOL, *args], stdout=subprocess.DEVNULL, stderr=other, env=c.env)
    os.close(other)
    got = b""
    while True:
        if not select.select([main], [], [], 60)[0]:
            p.send_signal(signal.SIGKILL)
            raise AssertionError("silent for a minute")
        try:
            part = os.read(main, 65536)
        except OSError:
            break
        if not part:
            break
        got += part
    os.close(main)
    equal(p.wait(60), 0)
    return got.decode()


@test
def progress_on_a_terminal_only(c):
    s = c.stream("s", "x", obs=[(0, "1")])

    def slowly(x, id, r):
        time.sleep(1.5)
        x.answer(id, x.do_verify(id, r))

    c.node.script["verify"] = slowly
    has(on_terminal(c, ["verify", "s/x"]), "verifying", "\x1b[K")
    equal(c.run("verify", "s/x").stderr, "")
    s.obs = [[i, str(i)] for i in range(20000)]

    def slow_history(x, id, r):
        x.answer(id, {"stream": s.id, "from": 0, "count": 20000, "live": True})
        for i in range(0, 20000, 250):
            x.data(id, i, i - 1 if i else 0, s.obs[i:i + 250])
            time.sleep(0.015)

    c.node.script["follow"] = slow_history
    has(on_terminal(c, ["history", "s/x"]), "history", "of 20,000", "█")


print("1..%d" % len(tests))
for k, f in enumerate(tests, 1):
    with tempfile.TemporaryDirectory(prefix="runnel-") as folder:
        case = Case(folder)
        try:
            f(case)
            print("ok %d - %s" % (k, f.__name__.replace("_", " ")), flush=True)
        except Exception as e:  # a test that fails must not hide the others
            print("not ok %d - %s" % (k, f.__name__.replace("_", " ")))
            for line in ("%s: %s" % (type(e).__name__, e)).splitlines():
                print("# %s" % line, flush=True)
        case.node.stop()
