# SPDX-License-Identifier: MIT
"""client.py — librunnel at real daemons: killed a hundred times under it, the examples, threads.
May touch: temporary folders; daemons of its own on free loopback ports."""
import os
import re
import signal
import subprocess
import threading

from pair import Node, nodes
from tap import BUILD, DEADLINE, SRC, Failed, check, environment, equal, main, until

KILLS = int(os.environ.get("RUNNEL_KILLS", "100"))


class Load:
    """A client-load that runs; `count` is the last number that it has written."""

    def __init__(self, what, node, stream):
        self.process = subprocess.Popen([os.path.join(BUILD, "tests/scenario/client-load"), what, node.address, stream],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
        self.count, self.done = 0, None
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            m = re.fullmatch(r"done (\d+) lost (\d+)\n", line)
            if m:
                self.done = int(m.group(1)), int(m.group(2))
            else:
                self.count = int(line)

    def beyond(self, n):
        """Waits until more than n are counted."""
        def more():
            check(self.process.poll() is None, "client-load ended with", self.process.poll())
            return self.count > n
        until(more, "more than %d" % n)

    def finish(self, text):
        self.process.stdin.write(text)
        self.process.stdin.close()
        equal(self.process.wait(DEADLINE), 0, "client-load's exit code")
        self.thread.join(DEADLINE)
        self.process.stdout.close()
        return self.done

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def a_hundred_kills(f):
    """kill -9 as soon as something was acknowledged and seen again; every tenth time an orderly restart."""
    node = Node(f, "one")
    with nodes(node):
        stream = node.create("load")
        publisher, follower = Load("publish", node, stream), Load("follow", node, stream)
        try:
            for k in range(KILLS):
                publisher.beyond(publisher.count)
                follower.beyond(follower.count)
                if k % 10 == 9:
                    node.stop()
                else:
                    node.kill()
                node.start()
            made, lost = publisher.finish("")
            check(lost >= KILLS, "the publisher lost its session", lost, "times, the daemon was stopped", KILLS)
            seen, lost = follower.finish("%d\n" % made)
            check(lost >= KILLS, "the follower lost its session", lost, "times")
            equal(seen, made, "what the follower saw")
            values = [int(v) for _, _, v in node.history(stream)]
            equal(values, list(range(made)), "the stream")
            print("# %d kills, %d observations" % (KILLS, made))
        finally:
            publisher.kill()
            follower.kill()


def example(name):
    return os.path.join(BUILD, "examples/c", name)


def examples_do_what_they_say(f):
    node = Node(f, "one")
    with nodes(node):
        env = environment(RUNNEL_NODE=node.address)

        def publish(text):
            p = subprocess.run([example("publisher"), "home", "temperature"], input=text, capture_output=True,
                               text=True, timeout=DEADLINE, env=env)
            return p.returncode, p.stdout, p.stderr
        code, out, err = publish("21.5\n\n\"warm\"\n")
        equal((code, err), (0, ""))
        stream = out.split()[0]
        equal(out, "%s #0 21.5\n%s #1 \"warm\"\n" % (stream, stream))
        code, out, err = publish("warm\n")
        equal((code, out), (1, ""))
        check("found 'w', want a value" in err, err)
        code, out, err = publish("1" * 20000 + "\n")  # longer than any value: no piece of it is one
        equal((code, out), (1, ""))
        equal([v for _, _, v in node.history(stream)], [21.5, "warm"])
        p = subprocess.Popen([example("follower"), stream], stdout=subprocess.PIPE, text=True, env=env)
        try:
            check(re.fullmatch(r"#0 \d+ 21\.5\n", p.stdout.readline()))
            check(re.fullmatch(r'#1 \d+ "warm"\n', p.stdout.readline()))
            node.kill()
            node.start()
            equal(publish("3\n")[0], 0)
            check(re.fullmatch(r"#2 \d+ 3\n", p.stdout.readline()))
        finally:
            p.send_signal(signal.SIGTERM)
            p.wait()
            p.stdout.close()
        p = subprocess.run([example("follower"), "nonsense"], capture_output=True, text=True, timeout=DEADLINE, env=env)
        equal(p.returncode, 1)
        check("nonsense" in p.stderr, p.stderr)


def examples_are_short(f):
    for name in ("publisher.c", "follower.c"):
        with open(os.path.join(SRC, "examples/c", name)) as s:
            check(len(s.readlines()) < 60, name)


def two_threads(f):
    node = Node(f, "one")
    with nodes(node):
        p = subprocess.run([os.path.join(BUILD, "tests/scenario/client-threads"), node.address], capture_output=True,
                           text=True, timeout=4 * DEADLINE, env=environment(TSAN_OPTIONS="halt_on_error=1"))
        equal((p.returncode, p.stdout, p.stderr), (0, "ok\n", ""))


def the_tool_goes_on(f):
    """runnel follow and runnel publish - over restarts: a line each, once, in order."""
    node = Node(f, "one")
    with nodes(node):
        stream = node.create("lines")
        follow = node.popen("follow", stream, "--from", "#0", "--format", "csv", stdout=subprocess.PIPE)
        publish = node.popen("publish", stream, "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        try:
            equal(follow.stdout.readline(), "time,value\n")
            for i in range(6):
                publish.stdin.write("%d\n" % i)
                publish.stdin.flush()
                if i % 2:  # both have a session by then
                    node.kill()
                    node.start()
                check(follow.stdout.readline().endswith("Z,%d\n" % i), i)
            publish.stdin.close()
            equal(publish.wait(DEADLINE), 0)
            equal([v for _, _, v in node.history(stream)], list(range(6)))
        finally:
            for p in (follow, publish):
                p.kill()
                p.wait()
            follow.stdout.close()


def exported_symbols(f):
    lib = os.path.join(BUILD, ".libs/librunnel.so")
    p = subprocess.run(["nm", "-D", "--defined-only", lib], capture_output=True, text=True, timeout=DEADLINE)
    names = [line.split()[-1] for line in p.stdout.splitlines()]
    check(len(names) > 20, p.stdout, p.stderr)
    equal([n for n in names if not n.startswith("runnel_")], [])


if __name__ == "__main__":
    main([a_hundred_kills, examples_do_what_they_say, examples_are_short, two_threads, the_tool_goes_on,
          exported_symbols])
