# SPDX-License-Identifier: MIT
"""program.py — programs at a node, each a thread that goes on whatever befalls the node: publishers and readers.
May touch: the processes of the tool that it starts."""
import json
import subprocess
import threading

from tap import check


class Program(threading.Thread):
    """Runs `turn` again and again until it is told to end; what it raises is told by `finish`."""

    def __init__(self, node, stream):
        super().__init__(daemon=True)
        self.node, self.stream = node, stream
        self.ending = threading.Event()
        self.wrong = self.process = None
        self.count = 0  # observations published, or read

    def run(self):
        try:
            while not self.ending.is_set():
                self.turn()
        except Exception as e:  # told in the main thread
            self.wrong = e

    def finish(self):
        self.ending.set()
        if self.process:
            self.process.terminate()
        self.join(60)
        check(not self.is_alive(), type(self).__name__, "does not end")
        if self.wrong:
            raise self.wrong


class Publisher(Program):
    """Publishes 0, 1, 2, ... one by one with their seq, each until it is acknowledged."""

    def turn(self):
        code, out, err = self.node.run("publish", self.stream, str(self.count), "--seq", str(self.count))
        check(code in (0, 1, 3) and "conflict" not in err, code, err)
        self.count += code == 0


class Reader(Program):
    """`runnel follow`, begun again behind what has come when its node goes away. Number k must be value(k); the times
    are kept."""

    def __init__(self, node, stream, value=lambda k: k):
        super().__init__(node, stream)
        self.value = value
        self.times = []

    def turn(self):
        with self.node.popen("follow", self.stream, "--from=#%d" % self.count, "--format", "ndjson",
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as self.process:
            if self.ending.is_set():
                self.process.terminate()
            for line in self.process.stdout:
                o = json.loads(line)
                check(o["seq"] == self.count and o["value"] == self.value(self.count), "got", line[:60], "want", self.count)
                self.times.append(o["time"])
                self.count += 1
        self.ending.wait(0.02)
