# SPDX-License-Identifier: MIT
"""author.py — an author's own safety on real daemons: clones, older copies, lost and unreadable stores.
May touch: temporary folders; daemons of its own on free loopback ports."""
import glob
import json
import os
import shutil

from pair import Node, free_port, nodes, same_head
from tap import check, equal, main, until


def two_that_know_each_other(f):
    """A publisher and a subscriber; each looks for everything at the other."""
    a, b = free_port(), free_port()
    while a == b:
        b = free_port()
    return (Node(f, "one", a, ["tcp://127.0.0.1:%d" % b]), Node(f, "two", b, ["tcp://127.0.0.1:%d" % a]))


def author(node):
    return node.json("status")["author"]


def waits_until_confirmed(node):
    until(lambda: author(node)["state"] == "confirmed", "the author's confirmation:\n" + node.log())


def publish(node, stream, first, n):
    node.tool("publish", stream, *[str(first + i) for i in range(n)])


def refused(node, stream, *words):
    code, out, err = node.run("publish", stream, "99999")
    check(code != 0, "a publish was taken:", out, node.log())
    for w in words:
        check(w in err, "want", w, "in", err)


def followed(f, n=300):
    one, two = two_that_know_each_other(f)
    return one, two, n


def begin(one, two, n):
    stream = one.create("numbers")
    publish(one, stream, 0, n)
    two.tool("subscribe", stream)
    equal(same_head(one, two, stream), n)
    return stream


def values(node, stream):
    return [int(v) for _, _, v in node.history(stream)]


# ---- a clone ----

def clone_of(one, f):
    """A node over a copy of the data folder, with a socket and port of its own."""
    clone = Node(f, "clone", free_port())
    shutil.copytree(one.folder + "/data", clone.folder + "/data")
    with open(one.config) as file:
        peers = json.load(file)["discovery"]
    with open(clone.config) as file:
        config = json.load(file)
    config["discovery"] = peers
    with open(clone.config, "w") as file:
        json.dump(config, file)
    return clone


def a_clone_beside_its_original(f):
    one, two, n = followed(f)
    with nodes(one, two):
        stream = begin(one, two, n)
        one.stop()
        clone = clone_of(one, f)
        one.start()
        publish(one, stream, n, 10)
        with nodes(clone):
            for node in (one, clone):
                until(lambda node=node: "twin" in author(node)["why"], "word of the twin:\n" + node.log())
                refused(node, stream, "another process with this node's identity is running", "stop one of the two",
                        "runnel identity confirm")
                check("unconfirmed" in node.tool("identity"), node.tool("identity"))
                check("another process" in node.tool("status"), node.tool("status"))
            clone.stop()
        one.stop()
        one.start()
        refused(one, stream, "another process")
        check("goes on" in one.tool("identity", "confirm"), "confirm")
        equal(author(one)["state"] != "unconfirmed", True)
        publish(one, stream, n + 10, 10)
        equal(same_head(one, two, stream), n + 20)
        equal(values(two, stream), list(range(n + 20)))
        check("confirmed already" in one.tool("identity", "confirm"), "a second confirm")


# ---- an older copy ----

def put_back(node, copy):
    shutil.rmtree(node.folder + "/data")
    shutil.copytree(copy, node.folder + "/data")


def an_older_copy_brought_back(f):
    one, two, n = followed(f)
    with nodes(one, two):
        stream = begin(one, two, n)
        one.stop()
        shutil.copytree(one.folder + "/data", f + "/backup")
        one.start()
        publish(one, stream, n, 400)
        equal(same_head(one, two, stream), n + 400)
        one.stop()
        put_back(one, f + "/backup")
        one.start()
        refused(one, stream, "copy", "runnel identity confirm")
        waits_until_confirmed(one)
        equal(one.count(stream), n + 400)
        publish(one, stream, n + 400, 5)
        equal(same_head(one, two, stream), n + 405)
        equal(values(one, stream), list(range(n + 405)))


def an_older_copy_and_nobody_to_ask(f):
    one, two, n = followed(f)
    with nodes(one, two):
        stream = begin(one, two, n)
        one.stop()
        two.stop()
        shutil.copytree(one.folder + "/data", f + "/backup")
        put_back(one, f + "/backup")
        for _ in range(2):
            one.start()
            equal(author(one)["why"], ["copied"])
            refused(one, stream, "copy", "runnel identity confirm")
            code, out, err = one.run("create", "--source", "test", "--stream", "other")
            check(code != 0 and "runnel identity confirm" in err, code, out, err)
            equal(len(values(one, stream)), n, "what is held is served")
            one.stop()
        one.start()
        one.tool("identity", "confirm")
        publish(one, stream, n, 5)
        two.start()
        equal(same_head(one, two, stream), n + 5)


# ---- no store, or none that can be opened ----

def a_lost_store(f):
    one, two, n = followed(f)
    with nodes(one, two):
        stream = begin(one, two, n)
        one.stop()
        shutil.rmtree(one.folder + "/data/storage-main")
        one.start()
        equal(author(one)["why"], ["lost"])
        waits_until_confirmed(one)
        equal(values(one, stream), list(range(n)))
        publish(one, stream, n, 5)
        equal(same_head(one, two, stream), n + 5)


def a_store_that_cannot_be_opened(f):
    one, two, n = followed(f)
    with nodes(one, two):
        stream = begin(one, two, n)
        one.stop()
        for path in glob.glob(one.folder + "/data/storage-main/*.db"):
            with open(path, "r+b") as file:
                file.write(b"\xa5" * os.path.getsize(path))
        one.start()
        check("was moved to" in one.log(), one.log())
        equal(author(one)["why"], ["lost"])
        waits_until_confirmed(one)
        equal(values(one, stream), list(range(n)))
        publish(one, stream, n, 5)
        equal(same_head(one, two, stream), n + 5)


def an_identity_made_beforehand(f):
    one, _, _ = followed(f)
    os.mkdir(one.folder + "/data", 0o700)
    with open(os.open(one.folder + "/data/identity", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write("runnel-identity-1 " + "5a" * 32 + "\n")
    with nodes(one):
        equal(author(one), {"state": "confirmed", "why": []})
        publish(one, one.create("numbers"), 0, 5)
        equal(one.json("identity")["state"], "confirmed")


main([a_clone_beside_its_original, an_older_copy_brought_back, an_older_copy_and_nobody_to_ask, a_lost_store,
      a_store_that_cannot_be_opened, an_identity_made_beforehand])
