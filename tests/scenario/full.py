# SPDX-License-Identifier: MIT
"""full.py — real nodes on a small disk that is full: refusals, reads, starts, kills, room again.
May touch: temporary folders, small file systems that it mounts; daemons of its own."""
import contextlib
import itertools
import json
import os
import subprocess
import sys

from pair import Node, free_port, nodes, same_head
from program import Publisher, Reader
from tap import check, environment, equal, folder, main, until

MIB = 1 << 20
DISK = 64 * MIB     # that a node finds free at first
RESERVE = 48 * MIB  # that is free when room is made
VALUE = 12000  # bytes of a value


def alone():
    """Goes on in a mount namespace of its own: whatever happens, no mount outlives this process and its children."""
    if os.environ.get("RUNNEL_FULL_ALONE") == "here":
        return
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    os.environ["RUNNEL_FULL_ALONE"] = "here"
    new = ["unshare", "--mount", *rights]
    if subprocess.run([*new, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        new += ["--propagation", "unchanged"]  # in a chroot the root is no mount whose propagation could change
    os.execvp("unshare", [*new, sys.executable, os.path.abspath(__file__)])


# ---- a small disk ----

class Disk:
    def __init__(self, path):
        self.path = path
        os.mkdir(path)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d,mode=700" % (DISK + RESERVE), "none", path], check=True)
        self.take("reserve", RESERVE)

    def free(self):
        v = os.statvfs(self.path)
        return v.f_bavail * v.f_frsize

    def take(self, name, n):
        with open(self.path + "/" + name, "ab") as f:
            os.posix_fallocate(f.fileno(), f.tell(), n)

    def fill(self):
        """Takes all that is free."""
        if self.free():
            self.take("filler", self.free())

    def make_room(self):
        for name in ("filler", "reserve"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path + "/" + name)


@contextlib.contextmanager
def disk(f):
    d = Disk(f + "/disk")
    try:
        yield d
    finally:
        subprocess.run(["umount", "--lazy", d.path], check=True)


class Small(Node):
    """A node whose data are on the small disk, its socket and log elsewhere."""

    def __init__(self, f, name, where, **more):
        super().__init__(f, name, **more)
        with open(self.config) as c:
            conf = json.load(c)
        conf["node"]["data"] = where.path + "/" + name
        with open(self.config, "w") as c:
            json.dump(conf, c)

    def count_of_log(self):
        with open(os.path.join(self.folder, "log")) as log:
            return len(log.read().splitlines())


def value(k):
    return json.dumps(("%09d" % k) * (VALUE // 9))


def publish_until_full(node, stream, first=0):
    """Publishes one by one in one go until it is refused: (how many were acknowledged in all, what it was told)."""
    with node.popen("--json", "publish", stream, "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE) as p:
        try:
            for k in itertools.count(first):
                p.stdin.write(value(k) + "\n")
        except BrokenPipeError:
            pass
        err = p.stderr.read()
        with contextlib.suppress(BrokenPipeError):
            p.stdin.close()
    return node.count(stream), p.returncode, err


def fill_up(node, stream, count=0):
    """Publishes until not one is taken: how many there are then. Many in one commit are refused before one by itself
    is, and room may come back: a checkpoint lets old files of the log go."""
    count, code, err = publish_until_full(node, stream, count)
    is_full(code, err)
    refused = 0
    for _ in range(3000):
        code, _, err = publish_one(node, stream, count)
        if code == 0:
            count, refused = count + 1, 0
            continue
        is_full(code, err)
        refused += 1
        if refused == 5:
            return count
    raise AssertionError("it goes on taking some: %d" % count)


def is_full(code, err):
    check(code == 1, "exit", code, err)
    check(err.count("\n") == 1, "one line, not:", err)
    said = json.loads(err)["error"]
    equal(said["code"], "full", "the code of " + err)
    check("no space left" in said["message"] and "free some" in said["message"], "what publishers are told:", err)


def check_values(node, stream, count, at_least=False):
    got = node.history(stream)
    check(len(got) == count or (at_least and len(got) > count), len(got), "observations in the history, want", count)
    for k, (seq, _, v) in enumerate(got):
        check(seq == k and v == json.loads(value(k)), "observation", k, "reads", seq, v[:40])


def publish_one(node, stream, k):
    return node.run("--json", "publish", stream, value(k), "--seq", str(k))


def resumes(node, stream, k):
    until(lambda: publish_one(node, stream, k)[0] == 0, "publishes being taken again:\n" + node.log())


# ---- the tests ----

def publishers_are_told_and_readers_go_on(f):
    with disk(f) as d:
        node = Small(f, "one", d)
        with nodes(node):
            stream = node.create("s")
            follower = Reader(node, stream, lambda k: json.loads(value(k)))
            follower.start()
            count = fill_up(node, stream)
            check(count > 500, "only", count, "were taken")
            for _ in range(50):
                is_full(*publish_one(node, stream, count)[::2])
            code, out, err = node.run("--json", "create", "--source", "test", "--stream", "another")
            is_full(code, err)
            check_values(node, stream, count)
            equal(node.head(stream)["head_count"], count, "signed")
            until(lambda: follower.count == count, "the live follower")
            lines = node.count_of_log()
            check(lines < 40, "a flood of", lines, "lines:\n", node.log())
            d.make_room()
            resumes(node, stream, count)
            resumes(node, stream, count + 1)
            node.create("another")
            until(lambda: follower.count == count + 2, "the live follower")
            follower.finish()
            check_values(node, stream, count + 2)
            check(os.path.exists(d.path + "/one/storage-main/ballast"), "the ballast is not made again:\n",
                  subprocess.run(["find", d.path, "-ls"], capture_output=True, text=True).stdout)
        node.start()
        check_values(node, stream, count + 2)
        node.stop()


def starts(f, end):
    """Full by publishing, ended by `end`, then not one byte left: it starts three times, serves, and resumes."""
    with disk(f) as d:
        node = Small(f, "one", d)
        with nodes(node):
            stream = node.create("s")
            count = fill_up(node, stream)
            for _ in range(3):
                end(node)
                d.fill()
                equal(d.free(), 0, "bytes free")
                node.start()
                check_values(node, stream, count)
                count = fill_up(node, stream, count)
            check(node.log().count("\n") < 30, "a flood:\n", node.log())
            d.make_room()
            resumes(node, stream, count)
            check_values(node, stream, count + 1)
            end(node)
            node.start()
            check_values(node, stream, count + 1)


def it_starts_on_a_full_disk(f):
    starts(f, lambda node: node.stop())


def it_recovers_on_a_full_disk_after_a_kill(f):
    starts(f, lambda node: node.kill())


def killed_while_it_fills(f):
    """Kills under load near the end of the space: nothing acknowledged is lost."""
    with disk(f) as d:
        node = Small(f, "one", d)
        with nodes(node):
            stream = node.create("s")
            small = node.create("small")
            publish_until_full(node, stream)
            d.make_room()
            publisher = Publisher(node, small)
            publisher.start()
            for room in range(5):
                before = publisher.count
                count = node.count(stream)
                with node.popen("publish", stream, "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL) as p:
                    with contextlib.suppress(BrokenPipeError):
                        for k in range(count, count + 150):
                            p.stdin.write(value(k) + "\n")
                        p.stdin.flush()
                    until(lambda: publisher.count > before or publisher.wrong or node.count(stream) > count or p.poll(),
                          "a publish")
                    node.kill()
                    p.terminate()  # it would wait for the node to come back
                    with contextlib.suppress(BrokenPipeError):
                        p.stdin.close()
                node.start()
                check(node.count(small) >= publisher.count - 1, "of", publisher.count, "there are", node.count(small))
            publisher.finish()
            check(node.count(small) >= publisher.count, "of", publisher.count, "there are", node.count(small))
            check_values(node, stream, node.count(stream))


def a_full_subscriber_goes_on_serving(f):
    with disk(f) as d:
        port = free_port()
        one, two = Node(f, "one", port), Small(f, "two", d, peers=["tcp://127.0.0.1:%d" % port])
        with nodes(one, two):
            stream = one.create("s")
            two.tool("subscribe", stream)
            lines = "".join(value(k) + "\n" for k in range(4500))
            p = one.popen("publish", stream, "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            p.communicate(lines)
            equal(p.returncode, 0, one.log())
            until(lambda: "no space left" in two.log() or "full" in two.log(), "the subscriber's disk to be full")
            held = two.count(stream)
            check(0 < held < 4500, "held:", held)
            check_values(two, stream, held, at_least=True)  # it goes on trying
            check(two.count_of_log() < 60, "a flood:\n", two.log())
            blamed = [line for line in two.log().splitlines()
                      if "does not serve" in line and "no space left" in line and "cannot be kept here" not in line]
            equal(blamed, [], "the provider is blamed for our own disk")
            two.kill()
            d.fill()
            two.start()
            check(two.count(stream) >= held, "it has lost some:", two.count(stream), held)
            check_values(two, stream, held, at_least=True)  # it goes on trying
            d.make_room()
            equal(same_head(one, two, stream), 4500, "observations in the end")
            check_values(two, stream, 4500)


if __name__ == "__main__":
    alone()
    main([publishers_are_told_and_readers_go_on, it_starts_on_a_full_disk, it_recovers_on_a_full_disk_after_a_kill,
          killed_while_it_fills, a_full_subscriber_goes_on_serving])
