# SPDX-License-Identifier: MIT
"""plugin.py — the example plugins, built as an outsider would and used by real daemons.
May touch: temporary folders, loopback ports."""
import json
import os
import subprocess

from tap import BUILD, SRC, check, daemon, environment, equal, main, runneld, until

RUNNEL = os.path.join(BUILD, "runnel")


def build(folder, kind="discovery", name="same", libraries=()):
    """The shared object, from nothing but the public headers and these libraries."""
    out = os.path.join(folder, kind + "-" + name + ".so")
    source = os.path.join(SRC, "examples", "plugin", name + ".c")
    cc = os.environ.get("CC", "cc").split()
    subprocess.run(cc + ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-fPIC", "-shared",
                         "-fvisibility=hidden", "-I", os.path.join(SRC, "include"), source, "-o", out, *libraries], check=True)
    return out


def build_transport(folder):
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libevent_core"], capture_output=True, text=True, check=True)
    return build(folder, "transport", "abstract", flags.stdout.split())


def with_path(folder):
    return environment(RUNNEL_PLUGIN_PATH=folder + ":" + BUILD)


def config(folder, name, **sections):
    path = os.path.join(folder, name + ".conf")
    sections["node"] = {"data": os.path.join(folder, name)}
    sections["storage"] = {"main": {"plugin": "memory"}}
    sections.setdefault("transport", {})["local"] = {"plugin": "unix", "path": os.path.join(folder, name + ".sock")}
    with open(path, "w", encoding="utf-8") as f:
        json.dump(sections, f)
    return path


def tool(folder, name, *args):
    p = subprocess.run([RUNNEL, "--node", "unix://" + os.path.join(folder, name + ".sock"), "--json", *args],
                       capture_output=True, text=True, timeout=30, check=False)
    equal(p.returncode, 0, "runnel " + " ".join(args) + p.stderr)
    return json.loads(p.stdout) if p.stdout.strip() else None


def info_names_what_it_is(folder):
    code, out, err = runneld("--plugin-info", build(folder))
    equal(code, 0, err)
    check("discovery/same 1" in out and "nodes (strings, required)" in out, out)


def its_required_option_is_missed(folder):
    build(folder)
    path = config(folder, "a", discovery={"mine": {"plugin": "same"}})
    code, _, err = runneld("-t", "-c", path, env=with_path(folder))
    equal(code, 1, err)
    check("discovery.mine" in err and "nodes" in err, err)


def a_daemon_finds_a_publisher_by_it(folder):
    build(folder)
    pub = config(folder, "pub", transport={"net": {"plugin": "tcp", "listen": "127.0.0.1:0"}})
    with daemon(pub, folder) as p:
        address = [w for w in p.ready().group(0).split() if w.startswith("tcp://")][0]
        follows(folder, transport={"net": {"plugin": "tcp"}}, discovery={"mine": {"plugin": "same", "nodes": [address]}})
        equal(p.stop(), 0, "the publisher's end")


def follows(folder, **sections):
    """A second daemon with these sections gets what the first one, "pub", publishes."""
    stream = tool(folder, "pub", "create", "--source", "s", "--stream", "t")["stream"]
    tool(folder, "pub", "publish", stream, "1", "2", "3")
    log = os.path.join(folder, "sub-log")
    os.mkdir(log)
    with daemon(config(folder, "sub", **sections), log, env=with_path(folder)) as s:
        s.ready()
        tool(folder, "sub", "subscribe", stream)
        until(lambda: held(folder, stream) == 3, "three observations at the subscriber")
        equal(s.stop(), 0, "the subscriber's end")


def the_transport_passes_the_suite(folder):
    """As doc/plugins.md says it."""
    suite = os.path.join(BUILD, "tests", "conformance", "transport")
    p = subprocess.run([suite, build_transport(folder), "--trust", "local", "--listen", "name=runnel-%d-@N@" % os.getpid(),
                        "--bad", "abstract:x"], capture_output=True, text=True, timeout=300, check=False)
    equal(p.returncode, 0, p.stdout + p.stderr)


def two_daemons_meet_by_the_transport(folder):
    build_transport(folder)
    name = "runnel-%d" % os.getpid()
    pub = config(folder, "pub", transport={"mine": {"plugin": "abstract", "name": name}})
    with daemon(pub, folder, env=with_path(folder)) as p:
        check("abstract://" + name in p.ready().group(0), "the daemon tells its address")
        follows(folder, transport={"mine": {"plugin": "abstract"}},
                discovery={"known": {"plugin": "static", "peers": {"*": ["abstract://" + name]}}})
        equal(p.stop(), 0, "the publisher's end")


def held(folder, stream):
    for s in tool(folder, "sub", "streams")["streams"]:
        if s["stream"] == stream:
            return s["count"]
    return 0


main([info_names_what_it_is, its_required_option_is_missed, a_daemon_finds_a_publisher_by_it, the_transport_passes_the_suite,
      two_daemons_meet_by_the_transport])
