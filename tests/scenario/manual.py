# SPDX-License-Identifier: MIT
"""manual.py — the manual says what the programs say: options of plugins, options of the command line.
May touch: reads doc/man; runs the programs for what they say of themselves."""
import json
import os
import re
import shutil
import subprocess

from tap import BUILD, SRC, Skip, check, equal, main, runneld

KINDS = ("storage", "transport", "discovery", "sync", "service")
CONF = os.path.join(SRC, "doc/man/runneld.conf.5")
DAEMON = os.path.join(SRC, "doc/man/runneld.8")
LIBRARY = os.path.join(SRC, "doc/man/runnel.3")
PLUGIN = os.path.join(SRC, "doc/man/runnel-plugin.3")


def lines(path):
    with open(path) as f:
        return f.read().splitlines()


def documented_plugins():
    """{(kind, name): {option: what stands in parentheses behind it}}"""
    found, options = {}, None
    for line in lines(CONF):
        m = re.fullmatch(r"\.Ss (\w+) ([a-z0-9-]+)", line)
        if m and m.group(1) in KINDS:
            options = found.setdefault(m.groups(), {})
        elif line.startswith((".Ss", ".Sh")):
            options = None
        elif options is not None and line.startswith(".It"):
            m = re.fullmatch(r"\.It Cm (\S+) Pq (.*)", line)
            check(m, "not of the form '.It Cm NAME Pq TYPE, ...':", line)
            options[m.group(1)] = m.group(2)
    return found


def facts(o):
    """What the manual must say of an option."""
    said = [o["type"]] + ["required"] * o["required"]
    if "default" in o:
        said.append("default " + o["default"])
    if "min" in o:
        said.append("%s to %s" % (o["min"], o["max"]) if "max" in o else "at least %s" % o["min"])
    return ", ".join(said + ["live"] * o["live"])


def options_of_plugins(f):
    code, out, err = runneld("--plugins", "--json")
    equal(code, 0, err)
    shipped = {(p["kind"], p["name"]): {o["name"]: facts(o) for o in p["options"]} for p in json.loads(out)}
    manual = documented_plugins()
    check(len(shipped) >= 5, shipped)
    equal({k: v for k, v in manual.items() if k in shipped}, shipped, CONF)
    # A build without Berkeley DB still has the page that describes it.
    check(set(manual) - set(shipped) <= {("storage", "bdb")}, "documented, but not there:", set(manual) - set(shipped))


def words_of_the_config(f):
    """The members of "node" that the page documents are those that runneld names."""
    path = os.path.join(f, "x.conf")
    with open(path, "w") as c:
        c.write('{ "node": { "data": "/d", "zzzzzz": 1 }, "storage": { "s": { "plugin": "memory" } }, '
                '"streams": [ { "zzzzzz": 1, "sync": "default" } ] }')
    err = runneld("-t", "-c", path)[2]
    for section, where in (("node", "node.zzzzzz"), ("streams", r"streams\[0\].zzzzzz")):
        known = re.search(where + r": found an unknown word, want one of ([^;]*);", err)
        check(known, err)
        documented = []
        inside = False
        for line in lines(CONF):
            if line.startswith((".Ss", ".Sh")):
                inside = line == ".Ss " + section
            elif inside and line.startswith(".It Cm "):
                documented += [w for w in line[len(".It Cm "):].split() if w != ","]
        equal(sorted(documented), sorted(known.group(1).split(", ")), section)


def options_of_the_command_line(f):
    code, out, err = runneld("--help")
    equal(code, 0, err)
    helped = set(re.findall(r"^ .*?--([a-z-]+)", out, re.M))
    manual = set()
    for line in lines(DAEMON):
        if line.startswith(".It Fl"):
            manual |= set(re.findall(r"Fl -([a-z-]+)", line))
    equal(manual, helped, DAEMON)
    check(len(helped) >= 8, helped)


def exit_codes(f):
    text = "\n".join(lines(DAEMON))
    section = text[text.index(".Sh EXIT STATUS"):text.index(".Sh EXAMPLES")]
    with open(os.path.join(SRC, "daemon/exits.h")) as h:
        codes = re.findall(r"RN_EXIT_\w+ = (\d+)", h.read())
    equal(re.findall(r"^\.It (\d+)$", section, re.M), codes, "exit codes")


def calls_of_the_library(f):
    """Each call of the headers stands in the manual with its parameters, and no other does."""
    wanted = {}
    for header in ("client.h", "easy.h"):
        with open(os.path.join(SRC, "include/runnel", header)) as h:
            text = re.sub(r"/\*.*?\*/", "", h.read(), flags=re.S)
        for result, name, parameters in re.findall(r"^RUNNEL_API ([\w *]+?)(\w+)\(([^)]*)\);", text, re.M):
            parameters = re.sub(r"char out\[\w+\]", "char *out", parameters)
            wanted[name] = (result.strip(), re.sub(r"\s+", " ", parameters).split(", "))
    check(len(wanted) > 25, wanted)
    found, before = {}, ""
    for line in lines(LIBRARY):
        m = re.fullmatch(r"\.Fn (\w+)(( \"[^\"]*\")+)", line)
        if m:
            found[m.group(1)] = (before.removeprefix(".Ft "), re.findall(r'"([^"]*)"', m.group(2)))
        before = line
    equal(found, wanted, LIBRARY)


def names_of(header):
    """What a header declares: structs with members, enums and their values, macros, calls of its structs, callbacks."""
    with open(os.path.join(SRC, "include/runnel", header)) as h:
        text = re.sub(r"/\*.*?\*/", "", h.read(), flags=re.S)
    found = set(re.findall(r"\bRUNNEL_\w+", text)) - set(re.findall(r"#define (RUNNEL_\w+_H)\b", text))
    for pattern in (r"\bstruct (runnel_\w+)\s*\{", r"\benum (runnel_\w+)\s*\{", r"\(\*(\w+)\)\("):
        found |= set(re.findall(pattern, text))
    return found


def names_of_the_headers(f):
    """Each name that a public header declares stands in a page of section 3."""
    library, plugin = "\n".join(lines(LIBRARY)), "\n".join(lines(PLUGIN))
    headers = sorted(os.listdir(os.path.join(SRC, "include/runnel")))
    seen = 0
    for header in headers:
        if not header.endswith(".h") or header == "runnel.h":  # which has but the others
            continue
        page = library if header in ("client.h", "easy.h") else plugin if header != "types.h" else library + plugin
        names = names_of(header) - {"RUNNEL_API"}
        seen += len(names)
        missing = [n for n in sorted(names) if not re.search(r"(?<![\w-])%s(?!\w)" % n, page)]
        equal(missing, [], header + " has what no page tells of")
    check(seen > 120, "only", seen, "names were found")


def symbols_of_the_library(f):
    """What the shared object gives out is what the headers declare: nothing is hidden from people, or them from it."""
    nm = subprocess.run(["nm", "-D", "--defined-only", os.path.join(BUILD, ".libs/librunnel.so")], capture_output=True,
                        text=True, check=True)
    given = {line.split()[-1] for line in nm.stdout.splitlines() if " T " in line}
    declared = set()
    for header in ("client.h", "easy.h"):
        with open(os.path.join(SRC, "include/runnel", header)) as h:
            declared |= set(re.findall(r"^RUNNEL_API [\w *]+?(\w+)\(", h.read(), re.M))
    equal(sorted(given), sorted(declared))


def lint(f):
    mandoc = shutil.which("mandoc")
    if mandoc is None:
        raise Skip("mandoc is not installed")
    p = subprocess.run([mandoc, "-Tlint", "-W", "warning", CONF, DAEMON, LIBRARY, PLUGIN], capture_output=True, text=True)
    equal((p.returncode, p.stdout), (0, ""))


main([options_of_plugins, words_of_the_config, options_of_the_command_line, exit_codes, calls_of_the_library,
      names_of_the_headers, symbols_of_the_library, lint])
