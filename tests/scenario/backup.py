# SPDX-License-Identifier: MIT
"""backup.py — runnel backup and restore on real daemons: while publishing goes on, into a fresh folder, with and without peers.
May touch: temporary folders; daemons of its own on free loopback ports."""
import base64
import os
import shutil
import stat
import struct
import subprocess
import threading

from pair import RUNNEL, Node, free_port, nodes, same_head
from tap import DEADLINE, check, environment, equal, main, until
from wire import Wire


def fill(node, stream, n, begin=0):
    p = node.popen("publish", stream, "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = p.communicate("".join('{"i":%d,"text":"%s"}\n' % (i, "x" * (i % 50)) for i in range(begin, begin + n)),
                           timeout=4 * DEADLINE)
    equal(p.returncode, 0, out)


def csv(node, stream):
    return node.tool("history", stream, "--format", "csv")


def anew(node, backup):
    """Puts an empty data folder with the backup's identity in place of the node's own."""
    data = node.folder + "/data"
    shutil.rmtree(data)
    os.mkdir(data, 0o700)
    shutil.copy(backup + "/identity", data + "/identity")
    os.chmod(data + "/identity", 0o600)


def states(node):
    return {s["stream"]: (s["count"], s.get("root")) for s in node.json("streams")["streams"]}


def there_and_back(f):
    one = Node(f, "one", free_port())
    backup = f + "/backup"
    with nodes(one):
        streams = [one.create("s%d" % i) for i in range(12)]
        for i, s in enumerate(streams):
            fill(one, s, [0, 1, 255, 256, 257, 512, 3000, 7, 1000, 31 * 256, 32 * 256, 70 * 256 + 3][i])
        gone = one.create("gone")
        fill(one, gone, 300)
        one.tool("drop", "--yes", gone)
        before, exports = states(one), {s: csv(one, s) for s in streams}
        out = one.json("backup", backup)
        equal((out["streams"], out["damaged"], out["identity"]), (12, 0, True))
        equal(sorted(os.listdir(backup)), ["README.txt", "identity", "records"])
        for name in os.listdir(backup):
            equal(stat.S_IMODE(os.stat(backup + "/" + name).st_mode), 0o600, name)
        with open(backup + "/README.txt") as text:
            text = text.read()
            check(one.json("status")["node"] in text and "SECRET" in text and "runnel restore" in text, text)
        one.stop()
        anew(one, backup)
        one.start()
        equal(one.json("streams")["streams"], [])
        out = one.json("restore", backup)
        equal((out["streams"], out["damaged"]), (12, 0))
        for _ in range(2):
            equal(states(one), before)
            for s in streams:
                equal(csv(one, s), exports[s])
                equal(one.json("verify", s)["ok"], True)
            code, _, err = one.run("create", "--source", "test", "--stream", "gone")
            equal(code, 1)
            check("was dropped here at 300" in err, err)
            one.stop()
            one.start()
        code, _, err = one.run("restore", backup)
        equal(code, 1)
        check("not empty" in err and "--replace" in err, err)
        code, _, err = one.run("restore", backup, "--replace")
        equal(code, 2)
        check("--yes" in err, err)
        equal(one.json("restore", backup, "--replace", "--yes")["streams"], 12)
        equal(states(one), before)


def while_publishing_goes_on(f):
    """What a backup holds of each stream is what it was at one moment: a prefix of what it is later."""
    one = Node(f, "one", free_port())
    with nodes(one):
        streams = [one.create("s%d" % i) for i in range(4)]
        end = threading.Event()
        wrong = []

        def publish(s):
            at = 0
            while not end.is_set():
                try:
                    fill(one, s, 700, at)
                except Exception as e:
                    wrong.append(e)
                    return
                at += 700

        threads = [threading.Thread(target=publish, args=(s,)) for s in streams]
        for t in threads:
            t.start()
        until(lambda: all(one.count(s) > 2000 for s in streams), "some observations")
        made = [one.json("backup", "%s/backup%d" % (f, i)) for i in range(3)]
        end.set()
        for t in threads:
            t.join()
        check(not wrong, wrong)
        whole = {s: csv(one, s) for s in streams}
        one.stop()
        for i, m in enumerate(made):
            equal(m["damaged"], 0)
            backup = "%s/backup%d" % (f, i)
            anew(one, backup)
            one.start()
            out = one.json("restore", backup)
            equal((out["streams"], out["count"], out["damaged"]), (4, m["count"], 0))
            now = {s: csv(one, s) for s in streams}
            equal(sum(len(c.splitlines()) - 1 for c in now.values()), m["count"])
            for s in streams:
                check(whole[s].startswith(now[s]), "the export of %s is no prefix" % s)
            one.stop()


def subscriptions_come_back(f):
    port = free_port()
    one, two = Node(f, "one", port), Node(f, "two", peers=["tcp://127.0.0.1:%d" % port])
    with nodes(one, two):
        stream = one.create("numbers")
        fill(one, stream, 5000)
        two.tool("subscribe", stream)
        same_head(one, two, stream)
        two.tool("backup", f + "/backup")
        two.stop()
        fill(one, stream, 700, 5000)
        anew(two, f + "/backup")
        two.start()
        two.tool("restore", f + "/backup")
        equal(same_head(one, two, stream), 5700)
        equal(two.json("status")["subscriptions"], 1)
        equal(two.history(stream), one.history(stream))


def what_was_published_since_is_found(f):
    """The author's safety: a restored author takes back from a peer what the backup lacks, before it appends."""
    ports = free_port(), free_port()
    one = Node(f, "one", ports[0], peers=["tcp://127.0.0.1:%d" % ports[1]])
    two = Node(f, "two", ports[1], peers=["tcp://127.0.0.1:%d" % ports[0]])
    with nodes(one, two):
        stream = one.create("numbers")
        fill(one, stream, 3000)
        two.tool("subscribe", stream)
        same_head(one, two, stream)
        one.tool("backup", f + "/backup")
        fill(one, stream, 700, 3000)
        equal(same_head(one, two, stream), 3700)
        before = one.history(stream)
        one.stop()
        anew(one, f + "/backup")
        one.start()
        until(lambda: one.count(stream) > 0, "its streams: it has lost its store, and a peer has them")
        code, _, err = one.run("restore", f + "/backup")  # takes their place
        if code != 0:  # a slow machine: it has confirmed itself meanwhile
            check("--replace" in err, err)
            one.tool("restore", f + "/backup", "--replace", "--yes")
        until(lambda: one.count(stream) == 3700, "what was published since:\n" + one.log())
        until(lambda: one.json("status")["author"]["state"] == "confirmed", "the author's confirmation")
        fill(one, stream, 10, 3700)
        equal(same_head(one, two, stream), 3710)
        equal(one.history(stream)[:3700], before)
        equal(two.history(stream), one.history(stream))
        check("fork" not in two.log(), two.log())


def an_author_alone_needs_a_word(f):
    one = Node(f, "one", free_port())
    with nodes(one):
        stream = one.create("numbers")
        fill(one, stream, 300)
        one.tool("backup", f + "/backup")
        one.stop()
        anew(one, f + "/backup")
        one.start()
        one.tool("restore", f + "/backup")
        for _ in range(2):
            for args in (["publish", stream, "1"], ["create", "--source", "a", "--stream", "b"]):
                code, out, err = one.run(*args)
                equal((code, out), (1, ""), args)
                check("runnel identity confirm" in err, err)
            one.stop()
            one.start()
        equal(one.count(stream), 300)
        one.tool("identity", "confirm")
        fill(one, stream, 10, 300)
        equal(one.count(stream), 310)


def big(f):
    one = Node(f, "one", free_port())
    with nodes(one):
        stream = one.create("big")
        fill(one, stream, 200000)
        root = one.head(stream)["root"]
        one.tool("backup", f + "/backup")
        one.stop()
        anew(one, f + "/backup")
        one.start()
        equal(one.json("restore", f + "/backup")["count"], 200000)
        head = one.head(stream)
        equal((head["count"], head["root"], head["state"]), (200000, root, "own"))


def a_folder_that_cannot_be_used(f):
    one = Node(f, "one", free_port())
    with nodes(one):
        fill(one, one.create("s"), 100)
        os.mkdir(f + "/full")
        with open(f + "/full/letter", "w") as letter:
            letter.write("x")
        for where, word in ((f + "/full", "not empty (it has letter)"), (f + "/full/letter", "cannot be read"),
                            (f + "/no/such", "No such file"), ("/proc/backup", "/proc/backup: cannot be made")):
            code, out, err = one.run("backup", where)
            equal((code, out), (1, ""), where)
            check(word in err, err)
        equal(os.listdir(f + "/full"), ["letter"])
        os.mkdir(f + "/cut")
        for name in ("records.part", "identity.part"):  # a backup that was cut off
            with open("%s/cut/%s" % (f, name), "w") as part:
                part.write("x")
        one.tool("backup", f + "/cut")
        equal(sorted(os.listdir(f + "/cut")), ["README.txt", "identity", "records"])
        one.tool("backup", f + "/bare", "--no-identity")
        equal(sorted(os.listdir(f + "/bare")), ["README.txt", "records"])
        with open(f + "/bare/README.txt") as text:
            check("NOT in this backup" in text.read())


def a_full_disk(f):
    """Files that may not grow: nothing is left behind, and the node goes on."""
    one = Node(f, "one", free_port())
    with nodes(one):
        fill(one, one.create("s"), 20000)
        p = subprocess.run(["sh", "-c", "trap '' XFSZ; ulimit -f 100; exec \"$@\"", "sh", RUNNEL, "--node", one.address,
                            "backup", f + "/backup"], capture_output=True, text=True, timeout=DEADLINE, env=environment())
        equal((p.returncode, p.stdout), (1, ""))
        check("records.part: cannot be written" in p.stderr, p.stderr)
        check(not os.path.exists(f + "/backup"), os.listdir(f))
        one.tool("backup", f + "/backup")


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))


def damage_is_refused(f):
    one = Node(f, "one", free_port())
    with nodes(one):
        fill(one, one.create("s"), 3000)
        one.tool("backup", f + "/backup")
        one.stop()
        anew(one, f + "/backup")
        one.start()
        path = f + "/backup/records"
        size = os.path.getsize(path)
        for at in (0, 20, 50, 59, 70, size // 2, size - 40, size - 1):
            flip(path, at)
            code, out, err = one.run("restore", f + "/backup")
            equal((code, out), (5, ""), at)
            check(path + ": " in err and "another copy" in err, err)
            flip(path, at)
        shutil.copy(path, f + "/whole")
        for n in (0, 10, 60, size // 2, size - 1):
            os.truncate(path, n)
            equal(one.run("restore", f + "/backup")[0], 5, n)
            shutil.copy(f + "/whole", path)
        equal(one.json("streams")["streams"], [], "nothing of it was sent")
        equal(one.json("status").get("restore"), None)
        one.tool("restore", f + "/backup")


def another_node_is_told_what_to_do(f):
    one, two = Node(f, "one", free_port()), Node(f, "two", free_port())
    with nodes(one, two):
        fill(one, one.create("s"), 100)
        one.tool("backup", f + "/backup")
        code, out, err = two.run("restore", f + "/backup")
        equal((code, out), (1, ""))
        for word in ("of another node", f + "/backup/identity", two.folder + "/data/identity", "0600", "Stop runneld"):
            check(word in err, word, err)
        equal(one.run("restore", f + "/none")[0], 1)


def cut_off_and_begun_again(f):
    one = Node(f, "one", free_port())
    backup = f + "/backup"
    with nodes(one):
        stream = one.create("s")
        fill(one, stream, 60000)
        before = states(one)
        one.tool("backup", backup)
        one.stop()
        anew(one, backup)
        one.start()
        with Wire(one.folder + "/sock") as w, open(backup + "/records", "rb") as records:
            node = one.json("status")["node"]
            equal(w.ask("restore.begin", node=node, version=1), {"again": False})
            records.seek(60)
            for _ in range(20):
                n, = struct.unpack("<I", records.read(4))
                w.ask("restore.put", slice=base64.b64encode(records.read(n)).decode())
            equal(one.json("status")["restore"], "under way")
            code, _, err = one.run("restore", backup)
            equal(code, 1)
            check("under way" in err, err)
            one.kill()
        one.start()
        one.daemon.wait_log(r"a restore of this node was cut off")
        equal(one.json("streams")["streams"], [])
        equal(one.json("status")["restore"], "cut off")
        for args in (["create", "--source", "a", "--stream", "b"], ["subscribe", stream], ["backup", f + "/no"]):
            code, out, err = one.run(*args)
            equal((code, out), (1, ""), args)
            check("cut off" in err and "runnel restore" in err, err)
        equal(one.json("restore", backup)["streams"], 1)
        equal(states(one), before)


main([there_and_back, while_publishing_goes_on, subscriptions_come_back,
      what_was_published_since_is_found, an_author_alone_needs_a_word, big, a_folder_that_cannot_be_used, a_full_disk,
      damage_is_refused, another_node_is_told_what_to_do, cut_off_and_begun_again])
