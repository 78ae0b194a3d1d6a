# SPDX-License-Identifier: MIT
# reload.py — another config for daemons that run: by "runnel reload" and by SIGHUP.
# May touch: temporary folders, loopback ports.
import json
import signal
import socket
import subprocess

from pair import Node, free_port, nodes, pair
from tap import DEADLINE, Daemon, check, equal, main, runneld, until


def read(node):
    with open(node.config) as f:
        return json.load(f)


def write(node, o):
    with open(node.config, "w") as f:
        json.dump(o, f, indent=1)


def reloaded(node):
    """What the tool says has changed."""
    code, out, err = node.run("reload")
    equal((code, err), (0, ""), node.log())
    return out.splitlines()


def refused(node):
    """The lines on standard error of a reload that takes nothing over."""
    code, out, err = node.run("reload")
    equal((code, out), (1, ""), err)
    lines = err.splitlines()
    equal(lines[-1], "runnel: reload: nothing was taken over; the node goes on as it was")
    return lines[:-1]


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), DEADLINE).close()
        return True
    except ConnectionRefusedError:
        return False


def a_bad_config_changes_nothing(f):
    n = Node(f, "n")
    with nodes(n):
        stream = n.create("s")
        o = read(n)
        o["node"]["nmae"] = "x"
        o["transport"]["net"]["backlog"] = "many"
        o["discovery"]["known"]["peers"] = {"*": ["tcp://127.0.0.1:1"]}
        write(n, o)
        code, _, err = runneld("-t", "-c", n.config)
        equal(code, 1)
        equal(len(err.splitlines()), 2, err)
        equal(refused(n), err.splitlines(), "the same as runneld -t says")
        n.daemon.signal(signal.SIGHUP)
        n.daemon.wait_log(r"reading the config again \(SIGHUP\)")
        for line in err.splitlines():
            until(lambda: n.log().count("the config is not taken over: " + line) == 2, "the error in the log: " + line)
        answer = json.loads(n.run("--json", "reload")[1].splitlines()[0])
        equal(answer, {"taken": False, "errors": err.splitlines()})
        with open(n.config, "w") as c:
            c.write("{ \"node\": ")
        check(refused(n)[0].startswith(n.config + ":1: "), refused(n))
        n.tool("publish", stream, "1")
        equal([v for _, _, v in n.history(stream)], [1])


def what_needs_a_restart_is_named(f):
    """All of it, with file and line; and nothing of the rest is taken over either."""
    port = free_port()
    n = Node(f, "n", port)
    with nodes(n):
        before = read(n)
        o = read(n)
        o["node"]["data"] = f + "/elsewhere"
        o["node"]["name"] = "another"
        o["storage"]["more"] = {"plugin": "memory"}
        o["node"]["storage"] = "main"
        o["transport"]["net"]["listen"] = "127.0.0.1:%d" % free_port()
        o["transport"]["local"]["plugin"] = "tcp"
        del o["transport"]["local"]["path"]
        o["transport"]["new"] = {"plugin": "tcp", "listen": "127.0.0.1:%d" % free_port()}
        write(n, o)
        lines = refused(n)
        place = n.config + ":"
        tails = [line.split(": ", 1)[1] if line.startswith(place) else line for line in lines]
        rest = "needs a restart of the daemon; nothing was taken over"
        equal(sorted(tails), sorted("%s: %s: %s" % (what, how, rest) for what, how in
                                    (("node.data", "changed"), ("storage.more", "added"),
                                     ("transport.net.listen", "changed"), ("transport.local.plugin", "changed"))))
        equal(sum(line.startswith(place) for line in lines), 3)
        equal(n.json("status")["name"], "n")
        equal(len(n.json("plugins")["instances"]), 5)
        write(n, before)
        equal(reloaded(n), ["nothing has changed"])


def a_socket_that_cannot_be_had_undoes_all(f):
    """Of two new sections and a changed one the second cannot start: none is there, and the change is taken back."""
    one, two = pair(f)
    with nodes(one, two), socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        stream = one.create("s")
        two.tool("subscribe", one.json("head", stream)["stream"])
        until(lambda: (two.head(stream) or {}).get("state") == "live", "live")
        o, port = read(two), free_port()
        o["discovery"]["known"]["peers"] = {}
        o["transport"]["a"] = {"plugin": "tcp", "listen": "127.0.0.1:%d" % port}
        o["transport"]["b"] = {"plugin": "tcp", "listen": "127.0.0.1:%d" % taken.getsockname()[1]}
        write(two, o)
        lines = refused(two)
        equal(len(lines), 1)
        check(lines[0].startswith("transport.b: ") and "another program listens there" in lines[0], lines)
        until(lambda: not connects(port), "the other new one to be gone")
        one.tool("publish", stream, "1")
        until(lambda: two.count(stream) == 1, "what is published goes on coming")
        check("no longer listed" not in two.log(), two.log())
        equal(len(two.json("plugins")["instances"]), 5)


def sections_come_and_go(f):
    """A transport that listens, a discovery that names the publisher, a policy for its streams; then without them."""
    port, extra = free_port(), free_port()
    one, two = Node(f, "one", port), Node(f, "two")
    with nodes(one, two):
        stream = one.create("s")
        one.tool("publish", stream, "1", "2")
        author = one.json("status")["node"]
        two.tool("subscribe", stream)
        o = read(two)
        o["transport"]["extra"] = {"plugin": "tcp", "listen": "127.0.0.1:%d" % extra}
        o["discovery"]["more"] = {"plugin": "static", "peers": {"*": ["tcp://127.0.0.1:%d" % port]}}
        o["sync"] = {"default": {"plugin": "incremental"}, "theirs": {"plugin": "incremental"}}
        o["streams"] = [{"author": author, "sync": "theirs"}]
        o["node"].update(name="renamed", log="debug", stop_timeout="1s")
        write(two, o)
        equal(reloaded(two), ["node.name: changed", "node.log: changed", "node.stop_timeout: changed",
                              "transport.extra: added", "discovery.more: added", "sync.theirs: added",
                              "streams: changed"])
        equal(two.json("status")["name"], "renamed")
        until(lambda: two.count(stream) == 2, "the stream, from the peer that is named now")
        until(lambda: two.head(stream)["state"] == "live", "live")
        check(" debug " in two.log(), "the log has its new levels")
        check(connects(extra), "the new one listens")

        three = Node(f, "three", peers=["tcp://127.0.0.1:%d" % extra])
        with nodes(three):  # it lives on what two serves over the new transport
            three.tool("subscribe", stream)
            until(lambda: three.count(stream) == 2, "the stream, by way of two")
            for name in ("transport", "discovery", "sync"):
                for section in ("extra", "more", "theirs"):
                    o[name].pop(section, None)
            o["streams"] = []
            write(two, o)
            equal(reloaded(two), ["transport.extra: removed", "discovery.more: removed", "sync.theirs: removed",
                                  "streams: changed"])
            until(lambda: not connects(extra), "the port to be free")
            until(lambda: three.head(stream)["state"] != "live", "three to notice")
            until(lambda: two.head(stream)["state"] == "looking", "two to have nobody")
            check("transport.extra was taken out of the configuration" in two.log(), two.log())
        one.tool("publish", stream, "3")
        o["discovery"]["known"]["peers"] = {"*": ["tcp://127.0.0.1:%d" % port]}
        write(two, o)
        equal(reloaded(two), ["discovery.known: changed"])
        until(lambda: two.count(stream) == 3, "the stream again")


def the_link_it_came_over_may_go(f):
    n = Node(f, "n", free_port())
    with nodes(n):
        o = read(n)
        o["transport"]["second"] = {"plugin": "unix", "path": n.folder + "/second"}
        write(n, o)
        equal(reloaded(n), ["transport.second: added"])
        del o["transport"]["second"]
        write(n, o)
        code, out, err = n.run("reload", address="unix://%s/second" % n.folder)
        equal((code, out, err), (0, "transport.second: removed\n", ""))
        equal(n.run("status", address="unix://%s/second" % n.folder)[0], 3)


def nobody_notices(f):
    """A flood of publishes, a program and a node that follow: twenty reloads in between and no follow is interrupted,
    nothing missing, nothing twice."""
    one, two = pair(f)
    with nodes(one, two):
        stream = one.create("s")
        two.tool("subscribe", stream)
        until(lambda: (two.head(stream) or {}).get("state") == "live", "live")
        sessions = [p["since"] for p in two.json("peers")["peers"]]
        with open(f + "/out", "w") as out, open(f + "/err", "w") as err:
            follow = two.popen("follow", stream, "--from", "#0", "--format", "csv", stdout=out, stderr=err)
        publish = one.popen("publish", stream, "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        try:
            sent, o = 0, [read(one), read(two)]
            for i in range(20):
                for _ in range(500):
                    publish.stdin.write("%d\n" % sent)
                    sent += 1
                publish.stdin.flush()
                for n, c in ((one, o[0]), (two, o[1])):
                    c["node"]["name"] = "name %d" % i
                    c["discovery"]["known"]["peers"]["*"] = c["discovery"]["known"]["peers"]["*"][:1] + [
                        "tcp://127.0.0.1:%d" % (1 + i)]
                    c["discovery"]["d%d" % i] = {"plugin": "static"}
                    c["discovery"].pop("d%d" % (i - 1), None)
                    write(n, c)
                    if i % 2:
                        equal(n.run("reload")[0], 0, n.log())
                    else:
                        n.daemon.signal(signal.SIGHUP)
                        until(lambda: n.json("status")["name"] == "name %d" % i, "the name")
            publish.stdin.close()
            equal(publish.wait(2 * DEADLINE), 0)

            def lines():
                with open(f + "/out") as out:
                    return out.read().splitlines()[1:]
            until(lambda: len(lines()) >= sent, "all at the reader")
            equal([int(line.split(",")[1]) for line in lines()], list(range(sent)))
            with open(f + "/err") as err:
                equal(err.read(), "", "the reader's session was not interrupted")
            equal([p["since"] for p in two.json("peers")["peers"]][:1], sessions[:1], "nor the one between the nodes")
        finally:
            for p in (follow, publish):
                p.kill()
                p.wait()


def while_it_starts(f):
    """SIGHUP in the start is not lost, and does not end it."""
    n = Node(f, "n")
    with nodes(n):
        n.stop()
        for _ in range(10):
            n.daemon = Daemon(n.config, n.folder)
            until(lambda: handles_hangup(n.daemon), "a handler")
            n.daemon.signal(signal.SIGHUP)
            n.daemon.wait_log(r"config taken over: nothing has changed")
            n.stop()
        n.start()


def handles_hangup(d):
    with open("/proc/%d/status" % d.process.pid) as f:
        for line in f:
            if line.startswith("SigCgt:"):
                return int(line.split()[1], 16) & 1 << signal.SIGHUP - 1
    return 0


main([a_bad_config_changes_nothing, what_needs_a_restart_is_named, a_socket_that_cannot_be_had_undoes_all,
      sections_come_and_go, the_link_it_came_over_may_go, nobody_notices, while_it_starts])
