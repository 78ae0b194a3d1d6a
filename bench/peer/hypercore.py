# SPDX-License-Identifier: MIT
"""hypercore.py — hypercore from npm, where bench/setup has put it; hypercore.js is what runs in it.
May touch: a folder of its own; a server on a free loopback port."""
import json
import os
import subprocess

from process import DEADLINE, Failed, Missing, Server, need as need_program

HERE = os.path.dirname(os.path.abspath(__file__))


def place(env):
    return os.path.join(env.build, "bench", "hypercore")


def need(env):
    need_program("node")
    if not os.path.exists(os.path.join(place(env), "node_modules", "hypercore", "package.json")):
        raise Missing("hypercore is not there: run bench/setup")


def command(env, *words):
    """What starts it, and its environment."""
    words = [need_program("node"), os.path.join(HERE, "hypercore.js"), *(str(w) for w in words)]
    return words, dict(os.environ, HYPERCORE=place(env))


def call(env, *words, deadline=2 * DEADLINE):
    """Runs a command to its end: what it has printed, as a dict."""
    line, environment = command(env, *words)
    p = subprocess.run(line, capture_output=True, text=True, timeout=deadline, env=environment, stdin=subprocess.DEVNULL,
                       start_new_session=True, check=False)
    if p.returncode != 0:
        raise Failed("hypercore %s: %s" % (words[0], p.stderr.strip()[-2000:]))
    return json.loads(p.stdout)


class Hypercore(Server):
    """A process that serves a core, which the command write has made."""

    name = "hypercore"

    def __init__(self, env, core):
        super().__init__(env, "hypercore")
        line, environment = command(env, "serve", core)
        self.launch(*line, environment=environment)
        self.wait(lambda: self.log().endswith("}\n"), "says where it listens")
        said = json.loads(self.log())
        self.port, self.key, self.blocks = said["port"], said["key"], said["blocks"]

    def fetch(self, folder):
        """A fresh core there takes all blocks: what it has measured."""
        return call(self.env, "fetch", folder, self.port, self.key, self.blocks)
