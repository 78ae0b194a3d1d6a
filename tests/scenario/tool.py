# SPDX-License-Identifier: MIT
"""tool.py — runnel, the tool, on real daemons: every command, JSON, errors, exit codes, files there and back.
May touch: temporary folders; daemons of its own on free loopback ports."""
import csv
import io
import json
import os
import socket
import subprocess
import time

from tap import BUILD, SRC, Failed, check, daemon, environment, equal, main, until

TOOL = os.path.join(BUILD, "runnel")
DATA = os.path.join(SRC, "examples/data")
CO2 = os.path.join(DATA, "co2-concentration.csv")
WEATHER = os.path.join(DATA, "seattle-weather.csv")
DAY = 86400 * 10**9


BDB = os.path.exists(os.path.join(BUILD, "plugins/storage/bdb/.libs"))


def config(folder, name, transports="", sections=""):
    path = os.path.join(folder, name + ".conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write("""{ "node": { "data": "%s/%s" },
  "storage": { "main": { "plugin": "%s" } },
  "transport": { "local": { "plugin": "unix", "path": "%s/%s.sock" }%s }%s }
""" % (folder, name, "bdb" if BDB else "memory", folder, name, transports, sections))
    return path


class Tool:
    def __init__(self, folder, name="a"):
        self.folder = folder
        self.env = environment(RUNNEL_NODE="unix://%s/%s.sock" % (folder, name))

    def __call__(self, *args, exit=0, stdin=None):
        r = subprocess.run([TOOL, *args], input=stdin, capture_output=True, text=True, timeout=60, env=self.env)
        if r.returncode != exit:
            raise Failed("runnel %s: exit %d, want %d\n%s%s" %
                         (" ".join(args), r.returncode, exit, r.stdout[-500:], r.stderr[-500:]))
        return r.stdout if exit == 0 else r.stderr

    def json(self, *args, **more):
        return json.loads(self(*args, "--json", **more))

    def lines(self, *args):
        return [json.loads(x) for x in self(*args, "--json").splitlines()]

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path


def on_node(test):
    """One daemon, and the tool on it."""
    def run(f):
        with daemon(config(f, "a"), f) as d:
            d.ready()
            test(Tool(f), d)
    run.__name__ = test.__name__
    return run


def has(text, *parts):
    for p in parts:
        check(p in text, repr(text), "lacks", repr(p))


def column(path, name):
    """The first column with another one."""
    with open(path, encoding="utf-8", newline="") as f:
        rows = list(csv.reader(f))
    k = rows[0].index(name)
    return [(row[0], row[k]) for row in rows[1:]]


# ---- the node ----

@on_node
def status_peers_plugins(t, d):
    s = t.json("status")
    has(t("status"), s["node"], t.env["RUNNEL_NODE"])
    equal(t("peers"), "no peers\n")
    equal(t.json("peers")["peers"], [])
    has(t("plugins"), "storage", "unix://", "instances")
    check(any(p["name"] == "unix" for p in t.json("plugins")["plugins"]))
    has(t("streams"), "no streams yet")
    equal(t.json("streams"), {"streams": []})


def no_node_is_3(f):
    has(Tool(f)("status", exit=3), "no node reachable", "Is runneld running?")


@on_node
def create_head_streams(t, d):
    args = ["create", "--source", "wetter", "--stream", "höhe", "--target", "zürich", "--unit", "°C", "--cadence", "1d",
            "--description", "eine Reihe"]
    id = t(*args).strip()
    equal(t.json(*args)["created"], False)
    equal(t.json(*args)["stream"], id)
    h = t.json("head", id[:8])
    equal((h["stream"], h["count"], h["own"], h["descriptor"]["meta"]),
          (id, 0, True, {"unit": "°C", "cadence": 86400000, "description": "eine Reihe"}))
    has(t("head", "wetter/höhe"), id, "wetter/höhe/zürich", "°C", "eine Reihe")
    has(t("streams"), id, "wetter/höhe/zürich", "own")
    equal([s["stream"] for s in t.json("streams")["streams"]], [id])
    for wrong in (["--source", "a/b", "--stream", "x"], ["--source", "", "--stream", "x"],
                  ["--source", "x" * 129, "--stream", "x"]):
        check(t("create", *wrong, exit=1))
    equal(len(t.json("streams")["streams"]), 1)


@on_node
def many_streams_come_in_pages(t, d):
    ids = {t("create", "--source", "s", "--stream", str(i)).strip() for i in range(300)}
    equal({s["stream"] for s in t.json("streams")["streams"]}, ids)
    equal(len(t("streams").splitlines()), 301)
    equal(t.json("head", "s/299")["descriptor"]["stream"], "299")
    has(t("head", "s/300", exit=4), "knows no stream")


@on_node
def ambiguous_names_are_4(t, d):
    a = t("create", "--source", "s", "--stream", "x", "--target", "1").strip()
    b = t("create", "--source", "s", "--stream", "x", "--target", "2").strip()
    has(t("head", "s/x", exit=4), "2 streams", a, b)
    has(json.loads(t("head", "s/x", "--json", exit=4))["error"]["message"], "2 streams")
    for unknown in ("s/y", "ffffffff", a[:-4] + ("0000" if not a.endswith("0000") else "1111")):
        check(t("head", unknown, exit=4))


# ---- publish ----

@on_node
def publish(t, d):
    t("create", "--source", "s", "--stream", "x")
    before = time.time_ns()
    r = t.json("publish", "s/x", "1.50", '"é"', ' { "a" : [1, null] } ')
    check(before <= int(r["first_time"]) <= time.time_ns(), r)
    equal((r["seq"], r["count"]), (0, 3))
    has(t("publish", "s/x", "-3", "--seq", "3"), "#3")
    has(t("publish", "s/x", "-3", "--seq", "3"), "#3")  # a repeat is success
    check(t("publish", "s/x", "-4", "--seq", "3", exit=1))
    check(t("publish", "s/x", "1", "--seq", "9", exit=1))
    has(t("publish", "s/x", "1", "--time", "2001-01-01", exit=1), "2001-01-01")
    check(t("publish", "s/x", "1", "--time", "now+1h", exit=1))
    has(t("publish", "s/x", "hello", exit=1), "quotes")
    equal([o["value"] for o in t.lines("history", "s/x")], [1.5, "é", {"a": [1, None]}, -3])
    has(t("history", "s/x"), "1.50", '{"a":[1,null]}')
    has(t("publish", "s/x", "-", stdin="1\n2\n"), "#4 to #5")


@on_node
def publish_much(t, d):
    t("create", "--source", "s", "--stream", "x")
    equal(t.json("publish", "s/x", "-", stdin="".join("%d,%d\n" % (i * DAY // 100, i) for i in range(50000)))["count"], 50000)
    got = t.lines("history", "s/x")
    equal([(o["seq"], int(o["time"]), o["value"]) for o in got], [(i, i * DAY // 100, i) for i in range(50000)])
    has(t("verify", "s/x"), "whole and as signed", "50000 observations in 196 blocks")
    equal(t.json("verify", "s/x")["ok"], True)
    equal([o["seq"] for o in t.lines("history", "s/x", "--last", "2")], [49998, 49999])
    equal([o["seq"] for o in t.lines("history", "s/x", "--from", "1970-01-02", "--until", "1970-01-03")],
          list(range(100, 200)))
    equal([o["seq"] for o in t.lines("history", "s/x", "--from=#255", "--until=#257")], [255, 256])
    equal([o["seq"] for o in t.lines("history", "s/x", "--last", "3", "--until", "1970-01-02")], [97, 98, 99])
    equal(t.json("at", "s/x", "1970-01-02T00:00:01Z"), {"seq": 100, "time": str(DAY), "value": 100})
    check(t("at", "s/x", "1969-01-01", exit=1))


# ---- files there and back ----

def there_and_back(t, path, time_column, value_column, *options):
    t("create", "--source", "file", "--stream", value_column)
    name = "file/" + value_column
    want = [(a, b) for a, b in column(path, value_column) if b]
    r = t.json("import", name, path, "--time", time_column, "--value", value_column, *options)
    equal((r["imported"], r["refused"]), (len(want), 0))
    rows = list(csv.reader(io.StringIO(t("history", name, "--format", "csv"))))
    equal(rows[0], ["time", "value"])
    quote = "--strings" in options
    equal([(a[:10], json.loads(b) if quote else b) for a, b in rows[1:]], want)
    check(all(a.endswith("T00:00:00Z") for a, _ in rows[1:]))
    # the same again changes nothing; its own export goes in as it came out
    count = t.json("head", name)["count"]
    for place in ([], ["--seq", "0"]):
        r = t.json("import", name, path, "--time", time_column, "--value", value_column, *place, *options)
        equal((r["imported"], r["there"], t.json("head", name)["count"]), (0, count, count))
    t("create", "--source", "again", "--stream", value_column)
    out = t("history", name, "--format", "csv")
    t("import", "again/" + value_column, t.file("out.csv", out))
    equal(t("history", "again/" + value_column, "--format", "csv"), out)
    has(t("verify", name), "whole and as signed")


@on_node
def co2_there_and_back(t, d):
    there_and_back(t, CO2, "Date", "CO2")
    there_and_back(t, CO2, "Date", "adjusted CO2")
    has(t("plot", "file/CO2"), "least 313.21, greatest 416.18, last 416.18", "741 observations", "1960", "400 ┤")
    equal(t.json("plot", "file/CO2")["numbers"], 741)


@on_node
def weather_there_and_back(t, d):
    for name in ("precipitation", "temp_max", "temp_min", "wind"):
        there_and_back(t, WEATHER, "date", name)
    there_and_back(t, WEATHER, "date", "weather", "--strings")
    check(t("plot", "file/weather", exit=1))


@on_node
def a_bad_file_changes_nothing(t, d):
    t("create", "--source", "s", "--stream", "x")
    path = t.file("bad.csv", "t,v\n2020-01-02,1\n2020-01-01,2\n2020-01-03,x\n")
    has(t("import", "s/x", path, "--time", "t", "--value", "v", exit=1), "bad.csv:3: ", "bad.csv:4: ")
    equal(t.json("head", "s/x")["count"], 0)
    equal(t.json("import", "s/x", path, "--time", "t", "--value", "v", "--skip-refused"),
          {"seq": 0, "imported": 1, "there": 0, "empty": 0, "refused": 2})


# ---- follow ----

class Follow:
    def __init__(self, t, *args):
        self.p = subprocess.Popen([TOOL, "follow", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  env=t.env)

    def line(self):
        return self.p.stdout.readline()

    def end(self):
        self.p.kill()
        self.p.communicate()


@on_node
def follow_has_no_seam(t, d):
    t("create", "--source", "s", "--stream", "x")
    t("publish", "s/x", *[str(i) for i in range(300)])
    f = Follow(t, "s/x", "--from=#10", "--json")
    try:
        for i in range(10, 400):
            if i >= 300:
                t("publish", "s/x", str(i))
            o = json.loads(f.line())
            equal((o["seq"], o["value"]), (i, i))
    finally:
        f.end()


@on_node
def follow_waits_for_the_node(t, d):
    t("create", "--source", "s", "--stream", "x")
    t("publish", "s/x", "1")
    f = Follow(t, "s/x", "--last", "1", "-v")
    try:
        has(f.line(), "value")
        has(f.line(), "1")
        has(f.p.stderr.readline(), "live from #1")
        d.stop()
        has(f.p.stderr.readline(), "not live")
        has(f.p.stderr.readline(), "trying again")
        equal(f.p.poll(), None)
    finally:
        f.end()


# ---- two nodes ----

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def subscribe_from_another_node(f):
    port = free_port()
    a = config(f, "a", ', "wan": { "plugin": "tcp", "listen": "127.0.0.1:%d" }' % port)
    with daemon(a, f) as first:
        first.ready()
        ta, tb = Tool(f, "a"), Tool(f, "b")
        ta("create", "--source", "scripps", "--stream", "co2", "--unit", "ppm")
        ta("import", "scripps/co2", CO2, "--time", "Date", "--value", "CO2")
        author = ta.json("status")["node"]
        name = author + "/scripps/co2/"
        b = config(f, "b", ', "wan": { "plugin": "tcp" }',
                   ', "discovery": { "known": { "plugin": "static", "peers": { "%s": ["tcp://127.0.0.1:%d"] } } }' %
                   (name, port))
        with daemon(b, f) as second:
            second.ready()
            has(tb("history", "scripps/co2", exit=4), "knows no stream")
            equal(tb.json("subscribe", name)["added"], True)
            equal(tb.json("subscribe", name)["added"], False)
            until(lambda: any(s["count"] == 741 and s["live"] for s in tb.json("streams")["streams"]), "the history")
            equal(tb("history", "scripps/co2", "--format", "csv"), ta("history", "scripps/co2", "--format", "csv"))
            equal(tb.json("head", name)["root"], ta.json("head", name)["root"])
            has(tb("verify", "scripps/co2"), "whole and as signed")
            has(tb("peers"), author[:8], "by us")
            equal(tb.json("peers")["peers"][0]["node"], author)
            check(tb("publish", "scripps/co2", "1", exit=1))  # only its author appends
            follow = Follow(tb, "scripps/co2", "--last", "1", "--json")
            try:
                equal(json.loads(follow.line())["seq"], 740)
                ta("publish", "scripps/co2", "417.5")
                equal(json.loads(follow.line())["value"], 417.5)
            finally:
                follow.end()
            has(tb("unsubscribe", name), "unsubscribed")
            has(tb("unsubscribe", name), "did not follow")
            equal(tb.json("head", "scripps/co2")["count"], 742)


main([status_peers_plugins, no_node_is_3, create_head_streams, many_streams_come_in_pages, ambiguous_names_are_4,
      publish, publish_much, co2_there_and_back, weather_there_and_back, a_bad_file_changes_nothing, follow_has_no_seam,
      follow_waits_for_the_node, subscribe_from_another_node])
