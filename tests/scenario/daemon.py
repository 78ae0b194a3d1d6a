# SPDX-License-Identifier: MIT
"""daemon.py — runneld alone: the command line, plugins, the identity, the data directory, its end.
May touch: temporary folders; daemons of its own on free loopback ports."""
import json
import os
import re
import shutil
import signal
import stat
import subprocess

from tap import BUILD, RUNNELD, SRC, Skip, check, daemon, environment, equal, main, runneld, until


def write(path, text, mode=0o644):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def config(folder, name="node.conf", data="data", more=""):
    return write(os.path.join(folder, name), """{
  "node": { "data": "%s/%s" },
  "storage": { "main": { "plugin": "memory" } },
  "transport": { "local": { "plugin": "unix", "path": "%s/%s.sock" } }%s
}
""" % (folder, data, folder, data, more))


def fake(name):
    return os.path.join(BUILD, "tests/scenario/.libs/fake-%s.so" % name)


# ---- the command line ----

def usage(f):
    code, out, err = runneld("--help")
    equal(code, 0)
    check("Usage: runneld" in out and err == "", out, err)
    code, out, err = runneld("-V")
    equal(code, 0)
    check(re.fullmatch(r"runneld \d+\.\d+\.\d+\n", out), out)
    for args in (["--nonsense"], ["word"], ["-c"], ["--json"], ["-t", "--plugins"]):
        code, out, err = runneld(*args)
        equal((code, out), (2, ""), args)
        check("--help" in err, err)


def test_says_ok_and_touches_nothing(f):
    c = config(f)
    equal(runneld("-t", "-c", c), (0, c + ": ok\n", ""))
    equal(sorted(os.listdir(f)), ["node.conf"])


def test_says_all_errors(f):
    c = write(f + "/bad.conf", """{
  "node": { "data": "%s/data", "logg": "info" },
  "storage": { "main": { "plugin": "memry" } },
  "transport": { "local": { "plugin": "unix", "backlog": "many" } }
}
""" % f)
    code, out, err = runneld("-t", "-c", c)
    equal((code, out), (1, ""))
    lines = err.splitlines()
    equal(len(lines), 3, err)
    check(lines[0].startswith(c + ":2: node.logg: ") and 'did you mean "log"?' in lines[0], lines[0])
    check(lines[1].startswith(c + ":3: storage.main.plugin: ") and 'did you mean "memory"?' in lines[1], lines[1])
    check(lines[2].startswith(c + ":4: transport.local.backlog: found \"many\", want an integer"), lines[2])
    equal(runneld("-c", c)[0], 1, "not only -t refuses it")


def config_that_is_not_there(f):
    code, out, err = runneld("-t", "-c", f + "/none.conf")
    equal((code, out), (1, ""))
    check(f + "/none.conf: cannot be opened: No such file" in err, err)
    code, out, err = runneld("-t", "-c", f)
    equal(code, 1)
    check("no regular file" in err, err)
    os.mkfifo(f + "/fifo")
    code, out, err = runneld("-t", "-c", f + "/fifo")
    equal(code, 1)
    check("no regular file" in err, err)
    with open(f + "/big.conf", "w") as big:
        big.truncate(1048577)
    code, out, err = runneld("-t", "-c", f + "/big.conf")
    equal(code, 1)
    check("more than the limit of 1048576 bytes" in err, err)


def conf_d(f):
    c = config(f)
    os.mkdir(f + "/conf.d")
    write(f + "/conf.d/10-tcp.conf", '{ "transport": { "wan": { "plugin": "tcp" } } }')
    write(f + "/conf.d/README", "not read")
    write(f + "/conf.d/.hidden.conf", "not read")
    equal(runneld("-t", "-c", c)[0], 0)
    write(f + "/conf.d/20-tcp.conf", '{ "transport": {\n "wan": { "plugin": "tcp" } } }')
    code, out, err = runneld("-t", "-c", c)
    equal(code, 1)
    equal(err, "%s/conf.d/20-tcp.conf:2: transport.wan: found the same section again (the first is at "
          "%s/conf.d/10-tcp.conf:1), want one section of a name; rename or remove one of the two\n" % (f, f))


def shipped_config(f):
    c = os.path.join(SRC, "etc/runneld.conf")
    equal(runneld("-t", "-c", c), (0, c + ": ok\n", ""))


def log_levels(f):
    code, out, err = runneld("-t", "-c", config(f), "-v", "loud")
    equal(code, 2)
    check('"loud"' in err, err)


# ---- plugins ----

def plugin_by_name_and_file(f):
    code, by_name, err = runneld("--plugin-info", "tcp")
    equal((code, err), (0, ""))
    check(by_name.startswith("transport/tcp "), by_name)
    check("listen (strings)" in by_name, by_name)
    path = re.search(r"file: (.*)", by_name).group(1)
    equal(runneld("--plugin-info", "transport/tcp"), (0, by_name, ""))
    equal(runneld("--plugin-info", path), (0, by_name, ""))
    code, out, err = runneld("--plugin-info", "tcp", "--json")
    [described] = json.loads(out)
    equal((described["kind"], described["name"], described["from"]), ("transport", "tcp", path))
    check("backlog" in [o["name"] for o in described["options"]], out)


def plugins_listed(f):
    code, out, err = runneld("--plugins")
    equal((code, err), (0, ""))
    names = [line.split(" ")[0] for line in out.splitlines()]
    for name in ("storage/memory", "transport/tcp", "transport/unix", "discovery/static", "sync/incremental"):
        check(name in names, name, names)
    code, out, err = runneld("--plugins", "--json")
    equal([p["kind"] + "/" + p["name"] for p in json.loads(out)], names)


def plugin_not_there(f):
    code, out, err = runneld("--plugin-info", "tpc")
    equal((code, out), (1, ""))
    check('did you mean "tcp"?' in err, err)
    for what in ("storage/tcp", "format/tcp", "/nonexistent.so", "../tcp", "transport/../tcp"):
        code, out, err = runneld("--plugin-info", what)
        equal((code, out), (1, ""), what)
        check(what in err, err)


def wrong_versions_refused(f):
    code, out, err = runneld("--plugin-info", fake("major"))
    equal((code, out), (1, ""))
    check("built for plugin ABI 7.3, this runnel has 1.0" in err and "install a build" in err, err)
    code, out, err = runneld("--plugin-info", fake("minor"))
    equal((code, out), (1, ""))
    check("needs plugin ABI 1.9, this runnel has 1.0" in err and "upgrade runnel" in err, err)


def no_plugins_at_all(f):
    code, out, err = runneld("--plugin-info", fake("nothing"))
    equal((code, out), (1, ""))
    check('it has no symbol "runnel_plugin"' in err, err)
    code, out, err = runneld("--plugin-info", fake("tiny"))
    equal((code, out), (1, ""))
    check("no runnel plugin: it says that it has 12 bytes" in err, err)
    junk = write(f + "/junk.so", "not an object")
    code, out, err = runneld("--plugin-info", junk)
    equal((code, out), (1, ""))
    check("cannot be loaded" in err, err)


def older_and_newer_load(f):
    for name, kind in (("older", "service"), ("newer", "sync")):
        code, out, err = runneld("--plugin-info", fake(name), "--json")
        equal((code, err), (0, ""))
        [p] = json.loads(out)
        equal((p["kind"], p["name"], p["abi"]), (kind, name, {"major": 1, "minor": 0}))


def plugin_path(f):
    """A folder of the search path: a plugin that loads, one that does not, one under a wrong name."""
    for name in ("newer", "major"):
        shutil.copy(fake(name), "%s/sync-%s.so" % (f, name))
    shutil.copy(fake("newer"), f + "/sync-misnamed.so")
    env = environment(RUNNEL_PLUGIN_PATH=BUILD + "::" + f)
    c = config(f, more=', "sync": { "default": { "plugin": "newer" } }')
    equal(runneld("-t", "-c", c, env=env)[0], 0)
    c = config(f, more=', "sync": { "default": { "plugin": "major" } }')
    code, out, err = runneld("-t", "-c", c, env=env)
    equal(code, 1)
    check(c + ':4: sync.default.plugin: found "major"' in err and "plugin ABI 7.3" in err, err)
    equal(runneld("-c", c, env=env)[0], 1, "a plugin that cannot be loaded stops the start")
    c = config(f, more=', "sync": { "default": { "plugin": "misnamed" } }')
    code, out, err = runneld("-t", "-c", c, env=env)
    equal(code, 1)
    check("rename the file to sync-newer.so" in err, err)


# ---- the identity and the data directory ----

def identity_made_once(f):
    c = config(f)
    ids = []
    for _ in range(2):
        with daemon(c, f) as d:
            d.ready()
            ids.append(re.search(r"daemon: node ([0-9a-f]{64})\n", d.log()).group(1))
            equal(d.stop(), 0)
    equal(ids[0], ids[1])
    path = f + "/data/identity"
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600)
    equal(stat.S_IMODE(os.stat(f + "/data").st_mode), 0o700)
    with open(path) as file:
        text = file.read()
    check(re.fullmatch(r"runnel-identity-1 [0-9a-f]{64}\nused\n", text), "the file's form")
    with open(f + "/log") as file:
        check(text.split()[1] not in file.read(), "the secret is in the log")
    check(not os.path.exists(path + ".new"), "a temporary file is left")


def refused(c, f, *wants):
    code, out, err = runneld("-c", c)
    equal(code, 3, err)
    for want in wants:
        check(want in err, "want", want, "in", err)


def identity_guarded(f):
    c = config(f)
    os.mkdir(f + "/data", 0o700)
    path = f + "/data/identity"
    good = "runnel-identity-1 " + "5a" * 32 + "\n"
    for mode in (0o640, 0o604, 0o660, 0o601):
        write(path, good, mode)
        refused(c, f, "others than its owner have rights (mode %04o)" % mode, "chmod 600 " + path)
    for text in ("", good[:-1], good + "\n", good + "use\n", good + "used\n\n", good.replace("-1", "-2"), good.replace("5a", "xy"), "x" * 10000):
        write(path, text, 0o600)
        refused(c, f, path, "not one line of the form", "restore it from a backup")
        with open(path) as file:
            equal(file.read(), text, "a faulty identity is left as it is")
    os.unlink(path)
    os.symlink("/dev/null", path)
    refused(c, f, path, "symbolic link")
    os.unlink(path)
    os.mkdir(path)
    refused(c, f, path, "no regular file")
    os.rmdir(path)
    write(path, good, 0o600)
    with daemon(c, f) as d:
        d.ready()
        equal(d.stop(), 0)


def identity_of_another(f):
    if os.geteuid() != 0:
        raise Skip("only root can give a file away")
    c = config(f)
    os.mkdir(f + "/data", 0o700)
    path = write(f + "/data/identity", "runnel-identity-1 " + "5a" * 32 + "\n", 0o600)
    os.chown(path, 12345, -1)
    refused(c, f, "belongs to user 12345, runneld runs as user 0", "chown 0 " + path)


def a_lost_attempt_at_an_identity(f):
    """A crash while the identity was made leaves a temporary file: the next start goes on."""
    c = config(f)
    os.mkdir(f + "/data", 0o700)
    write(f + "/data/identity.new", "half", 0o600)
    with daemon(c, f) as d:
        d.ready()
        equal(d.stop(), 0)
    equal(sorted(os.listdir(f + "/data")), ["identity", "lock"])


def data_directory(f):
    refused(config(f, data="no/data"), f, f + "/no/data", "make the directory above it")
    write(f + "/file", "")
    refused(config(f, data="file"), f, f + "/file", "no directory")
    os.mkdir(f + "/open")
    os.chmod(f + "/open", 0o777)
    refused(config(f, data="open"), f, "chmod go-w " + f + "/open")


def one_daemon_a_directory(f):
    c = config(f)
    with daemon(c, f) as d:
        d.ready()
        refused(c, f, f + "/data: another runneld (process %d) uses this data directory" % d.process.pid,
                "set node.data")
        check(d.process.poll() is None, "the first goes on")
        d.process.kill()
        d.end()
    with daemon(c, f) as d:  # the lock went with the process
        d.ready()
        equal(d.stop(), 0)


# ---- the end ----

def ends_orderly(f):
    for number in (signal.SIGTERM, signal.SIGINT):
        with daemon(config(f), f) as d:
            line = d.ready().group(0)
            check("unix://%s/data.sock" % f in line, line)
            d.signal(signal.SIGHUP)
            d.wait_log(r"config taken over: nothing has changed")
            d.signal(signal.SIGPIPE)
            d.signal(number)
            equal(d.end(), 0)
            check("daemon: stopped\n" in d.log(), d.log())
            check(not os.path.exists(f + "/data.sock"), "the socket is left")


def a_transport_that_cannot_start(f):
    c = config(f)
    os.mkdir(f + "/data.sock")
    code, out, err = runneld("-c", c)
    equal(code, 3, err)
    check("cannot start: " in err and "transport.local: " in err, err)


def journal_form(f):
    log = open(f + "/journal", "wb")
    st = os.fstat(log.fileno())
    env = environment(JOURNAL_STREAM="%d:%d" % (st.st_dev, st.st_ino))
    p = subprocess.Popen([RUNNELD, "-c", config(f)], stderr=log, env=env, stdin=subprocess.DEVNULL)
    try:
        text = until(lambda: re.search("ready", open(f + "/journal").read()) and open(f + "/journal").read(), "ready")
        for line in text.splitlines():
            check(re.match(r"<[3-7]>[a-z]", line), line)
        check("<5>daemon: ready" in text, text)
        p.terminate()
        equal(p.wait(30), 0)
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()
        log.close()


main([usage, test_says_ok_and_touches_nothing, test_says_all_errors, config_that_is_not_there, conf_d, shipped_config,
      log_levels, plugin_by_name_and_file, plugins_listed, plugin_not_there, wrong_versions_refused, no_plugins_at_all,
      older_and_newer_load, plugin_path, identity_made_once, identity_guarded, identity_of_another,
      a_lost_attempt_at_an_identity, data_directory, one_daemon_a_directory, ends_orderly,
      a_transport_that_cannot_start, journal_form])
