# SPDX-License-Identifier: MIT
# notify.py — what runneld tells a service manager, in which order, as sd_notify(3) has it; the unit file.
# May touch: temporary folders, datagram sockets; systemd-analyze is run.
import os
import re
import signal
import socket
import subprocess
import time

from pair import Node
from tap import BUILD, DEADLINE, Daemon, check, environment, equal, main


class Manager:
    """Listens as a service manager does: on a path, or in the abstract space."""

    def __init__(self, folder, abstract=False):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.settimeout(DEADLINE)
        self.name = ("@runnel-test-%d-%d" % (os.getpid(), time.monotonic_ns())) if abstract else folder + "/notify"
        self.sock.bind("\0" + self.name[1:] if abstract else self.name)

    def start(self, node, **env):
        node.daemon = Daemon(node.config, node.folder, env=environment(NOTIFY_SOCKET=self.name, **env))

    def next(self):
        """One datagram as {word: value}."""
        lines = self.sock.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def until(self, word):
        """All up to the one that has the word."""
        seen = []
        while True:
            seen.append(self.next())
            if word in seen[-1]:
                return seen


def words(seen):
    return [w for d in seen for w in d if w not in ("STATUS", "EXTEND_TIMEOUT_USEC", "MONOTONIC_USEC")]


def in_order(f, abstract=False):
    node, m = Node(f, "n"), Manager(f, abstract)
    m.start(node)
    try:
        seen = m.until("READY")
        equal(words(seen), ["READY"])
        check(any(int(d.get("EXTEND_TIMEOUT_USEC", 0)) > 90e6 for d in seen), "a long recovery is announced", seen)
        stream = node.create("s")  # it listens as soon as it says so
        node.tool("publish", stream, "1")

        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        node.daemon.signal(signal.SIGHUP)
        seen = m.until("READY")
        equal(words(seen), ["RELOADING", "READY"])
        stamp = int(seen[0]["MONOTONIC_USEC"])
        check(before <= stamp <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000, before, stamp)

        with open(node.config, "a") as c:
            c.write("nonsense")
        code, _, _ = node.run("reload")
        equal(code, 1)
        seen = m.until("READY")
        equal(words(seen), ["RELOADING", "READY"], "also after one that was refused")
        check("refused" in seen[-1]["STATUS"], seen)

        node.daemon.signal(signal.SIGTERM)
        seen = m.until("STOPPING")
        equal(words(seen), ["STOPPING"])
        check(int(m.until("EXTEND_TIMEOUT_USEC")[-1]["EXTEND_TIMEOUT_USEC"]) > 5e6, "it may take the drain's time")
        equal(node.daemon.end(), 0, node.log())
    finally:
        node.daemon.process.kill()
        node.daemon.end()

    # The streams are there as soon as the next one says READY.
    with open(node.config) as c:
        text = c.read().replace("nonsense", "")
    with open(node.config, "w") as c:
        c.write(text)
    m.start(node)
    try:
        m.until("READY")
        equal([v for _, _, v in node.history(stream)], [1])
        equal(node.daemon.stop(), 0, node.log())
    finally:
        node.daemon.process.kill()
        node.daemon.end()
        m.sock.close()


def over_a_path(f):
    in_order(f)


def over_an_abstract_name(f):
    in_order(f, abstract=True)


def watchdog(f):
    node, m = Node(f, "n"), Manager(f)
    m.start(node, WATCHDOG_USEC="400000")
    try:
        m.until("READY")
        for _ in range(3):
            equal(m.until("WATCHDOG")[-1]["WATCHDOG"], "1")
        node.daemon.signal(signal.SIGSTOP)  # one that hangs does not say that it lives
        m.sock.settimeout(1.2)
        try:
            for _ in range(5):
                m.next()
            check(False, "a process that is stopped has spoken five times")
        except socket.timeout:
            pass
        node.daemon.signal(signal.SIGCONT)
        equal(node.daemon.stop(), 0)
    finally:
        node.daemon.process.kill()
        node.daemon.end()
        m.sock.close()


def the_watchdog_of_another_process(f):
    node, m = Node(f, "n"), Manager(f)
    m.start(node, WATCHDOG_USEC="20000", WATCHDOG_PID="1")
    try:
        m.until("READY")
        node.tool("status")
        equal(node.daemon.stop(), 0)
        equal(words(m.until("STOPPING")), ["STOPPING"])
    finally:
        node.daemon.process.kill()
        node.daemon.end()
        m.sock.close()


def a_manager_that_cannot_be_told(f):
    """It runs all the same; it says so where the variable makes no sense."""
    for name, said in (("relative", r"NOTIFY_SOCKET: found \"relative\", want a path"),
                       ("/" + "x" * 200, r"NOTIFY_SOCKET: found 201 bytes"), ("@", r"NOTIFY_SOCKET: found \"@\""),
                       (f + "/nobody-is-there", None), ("", None)):
        node = Node(f, "n%d" % len(name))
        node.daemon = Daemon(node.config, node.folder, env=environment(NOTIFY_SOCKET=name))
        node.daemon.ready()
        check(re.search(said, node.log()) if said else "NOTIFY_SOCKET" not in node.log(), name, node.log())
        node.stop()


def the_unit(f):
    """The unit file, with paths of this build, is one that systemd takes without a word."""
    with open(BUILD + "/etc/runneld.service") as u:
        text = u.read()
    check("Type=notify" in text and "ExecStartPre=" in text and "ExecReload=" in text, text)
    check("@" not in text.replace("@system-service", ""), text)
    for name in ("runneld", "runnel"):
        text = re.sub(r"(?m)^(Exec\w+=)\S+/%s(?=\s|$)" % name, lambda m: m.group(1) + BUILD + "/" + name, text)
    text = text.replace("User=runnel\n", "").replace("Group=runnel\n", "")
    path = f + "/runneld.service"
    with open(path, "w") as u:
        u.write(text)
    p = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True,
                       timeout=DEADLINE, env=dict(environment(), SYSTEMD_UNIT_PATH=f + ":"))
    ours = [line for line in p.stderr.splitlines() if "runneld" in line]
    equal((p.returncode, ours), (0, []), p.stderr)


main([over_a_path, over_an_abstract_name, watchdog, the_watchdog_of_another_process, a_manager_that_cannot_be_told,
      the_unit])
