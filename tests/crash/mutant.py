# SPDX-License-Identifier: MIT
"""mutant.py — programs of the build with one source file altered: that one compiled, what it is in linked anew.
May touch: a folder of its own, the compiler; reads the source and the build tree."""
import os
import re
import shlex
import subprocess

from tap import BUILD, Failed, check

SRC = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def make_says(source, target):
    """The calls of the compiler and of libtool with which make would build the target if the source were newer."""
    top = re.search(r"^srcdir = (.*)$", open(os.path.join(BUILD, "Makefile")).read(), re.M).group(1)
    out = subprocess.run(["make", "-n", "V=1", "-W", os.path.join(top, source), target], cwd=BUILD, text=True,
                         capture_output=True)
    check(out.returncode == 0, out.stderr)
    lines = re.findall(r"^(?:.*;)?\s*(\S.*(?: \./libtool | -c -o ).*)", out.stdout.replace("\\\n", " "), re.M)
    return [line.partition(" && ")[0].partition("&& mv ")[0].rstrip("; ") for line in lines]


def build(source, text, folder):
    """Builds with `text` in place of a source file. (program, folder with plugins), None: the usual one; the program
    is runnel when the source is of the tool, otherwise runneld."""
    plugin = re.match(r"plugins/(\w+)/(\w+)/", source)
    program = "runnel" if source.startswith("tool/") else "runneld"
    target = "plugins/%s/%s/%s-%s.la" % (plugin.groups() + plugin.groups()) if plugin else program
    altered = os.path.join(folder, os.path.basename(source))
    with open(altered, "w") as f:
        f.write(text)
    instead = {}  # file of the build → ours
    for line in make_says(source, target):
        words = shlex.split(line.replace("`", "'"))
        compiles = "-c" in words
        if compiles and not re.search(r"[/'`]%s$" % re.escape(source), line):
            continue
        out = words[words.index("-o") + 1]
        if compiles:
            at = words.index("-o") + 2
            words = words[:at] + [altered]
            for option in ("-MT", "-MF", "-MD", "-MP"):
                while option in words:
                    k = words.index(option)
                    del words[k:k + (1 if option in ("-MD", "-MP") else 2)]
            words[-1:-1] = ["-I", os.path.join(SRC, os.path.dirname(source)), "-Wno-error"]
        elif not set(words) & set(instead):
            continue
        instead[out] = os.path.join(folder, os.path.basename(out))
        done = subprocess.run([instead.get(w, w) for w in words], cwd=BUILD, text=True, capture_output=True)
        if done.returncode != 0:
            raise Failed("%s\n%s" % (line, done.stderr))
    check(target in instead, "make does not build", target, "from", source)
    if not plugin:
        return instead[target], None
    os.symlink(".libs/" + os.path.basename(target)[:-3] + ".so", os.path.join(folder, os.path.basename(target)[:-3] + ".so"))
    return None, folder
