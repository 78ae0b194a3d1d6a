#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# arrows.py — holds the tree against the rules of the house: who may include whom, who may touch the world.
# May touch: reads the source tree; temporary folders for its own test.
import os
import re
import sys

from tree import SPDX, bare, includes, read, resolve, run, sources

# What the files of a folder may include: their own folder, and these. The longest folder that fits counts.
ARROWS = {
    'include': [],
    'core/base': ['include'],
    'core/data': ['include', 'core/base'],
    'core/node': ['include', 'core/base', 'core/data'],
    'core/seal': ['include', 'core/base', 'core/data', 'core/node/env.h'],  # it stands beside node and is handed in
    'daemon': ['include', 'core'],
    'sim': ['include', 'core', 'plugins/storage/memory/engine.h'],
    'client': ['include', 'core/base', 'core/data'],
    'tool': ['include', 'core/base', 'core/data', 'client'],
    'plugins': ['include', 'core/base'],
    'examples': ['include'],
    'tests': ['include', 'core', 'daemon', 'sim', 'client', 'tool', 'plugins'],
    'bench': ['include', 'core/base', 'core/data'],
}

# One plugin never includes another: below this folder each KIND/NAME is a folder of its own, except KIND/common,
# which the plugins of that kind share.
APART = re.compile(r'plugins/[^/]+/(?=common/)|plugins/[^/]+/[^/]+/')
# A plugin's tests stand beside it and are tests.
PLUGIN_TEST = re.compile(r'plugins/.*_test\.c$')

# libevent belongs to whoever does I/O; the tests may drive it.
LIBEVENT = ('daemon/', 'client/', 'tool/', 'plugins/', 'tests/', 'bench/', 'examples/')

# What touches nothing of the world may include these and no other system header.
PURE = ('core/base/', 'core/data/', 'core/node/')
PURE_HEADERS = re.compile(
    r'(assert|inttypes|limits|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string)\.h$'
    r'|sodium\.h$|sodium/(core|crypto_\w+|utils)\.h$|openssl/(evp|sha)\.h$|yajl/\w+\.h$')
# ... and of those headers not these functions.
PURE_CALLS = re.compile(
    r'(?<![\w.>])(printf|vprintf|fprintf|vfprintf|dprintf|puts|fputs|putchar|putc|fputc|perror|fopen|fdopen|freopen|tmpfile|remove'
    r'|rename|getchar|scanf|getenv|secure_getenv|setenv|system|popen|exit|abort|atexit|rand|srand|random|rand_r|drand48'
    r'|time|clock|clock_gettime|gettimeofday|sleep|usleep|nanosleep|dlopen|dlsym|randombytes_\w+|crypto_sign_keypair)\s*\(')

def within(path, folder):
    return path == folder or path.startswith(folder + '/')


def home(path):
    if PLUGIN_TEST.match(path):
        return 'tests'
    fits = [f for f in ARROWS if within(path, f)]
    return max(fits, key=len) if fits else None


def arrow_ok(path, target):
    mine = home(path)
    if mine is None:
        return False
    if mine == 'plugins' and within(target, 'plugins'):
        apart = APART.match(target)
        return bool(apart) and path.startswith(apart.group(0))
    return any(within(target, f) for f in [mine] + ARROWS[mine])


def check_include(root, path, name, quoted):
    """(rule, what) for each rule that one #include breaks."""
    if name.startswith(('event2/', 'event.h', 'evhttp.h', 'evdns.h')):
        return [] if path.startswith(LIBEVENT) else [('libevent', 'includes <%s>' % name)]
    target = resolve(root, path, name, quoted)
    if target:
        return [] if arrow_ok(path, target) else [('arrows', 'includes %s' % target)]
    if name == 'config.h':
        return []
    if quoted or name.startswith('runnel/'):
        return [('arrows', 'includes "%s", which is not in the tree' % name)]
    if path.startswith(PURE) and not PURE_HEADERS.match(name):
        return [('world', 'includes <%s>' % name)]
    return []


def check_file(root, path):
    found = []
    for line, name, quoted in includes(root, path):
        for rule, what in check_include(root, path, name, quoted):
            found.append((rule, '%s:%d: %s' % (path, line, what)))
    if path.startswith(PURE):
        code = bare(read(root, path))
        for m in PURE_CALLS.finditer(code):
            found.append(('world', '%s:%d: calls %s' % (path, code.count('\n', 0, m.start()) + 1, m.group(1))))
    return found


# ---- circles ----

def circles(graph):
    """Each circle once, as the list of what it goes through, beginning anywhere in it."""
    found, state = [], {}

    def go(node, way):
        state[node] = 'open'
        for to in sorted(graph.get(node, ())):
            if state.get(to) == 'open':
                found.append(way[way.index(to):] + [to])
            elif to not in state:
                go(to, way + [to])
        state[node] = 'done'

    for node in sorted(graph):
        if node not in state:
            go(node, [node])
    return found


def check_circles(root, paths):
    """Among files, and among folders. An include that breaks an arrow is left to that rule."""
    files, folders, example = {}, {}, {}
    for path in paths:
        for _, name, quoted in includes(root, path):
            target = resolve(root, path, name, quoted)
            if not target or not arrow_ok(path, target):
                continue
            files.setdefault(path, set()).add(target)
            step = os.path.dirname(path), os.path.dirname(target)
            if step[0] != step[1] and not PLUGIN_TEST.match(path):
                folders.setdefault(step[0], set()).add(step[1])
                example.setdefault(step, path)
    found = circles(files)
    said = [(way[-2], way) for way in found]
    if not found:  # what goes round by files may do so by folders too
        said = [(example[way[-2], way[-1]], way) for way in circles(folders)]
    return [('circles', '%s: closes a circle: %s' % (path, ' > '.join(way))) for path, way in said]


def check_tree(root):
    code = [p for p in sources(root) if p.endswith(('.c', '.h', '.cc', '.cpp'))]
    return [v for path in code for v in check_file(root, path)] + check_circles(root, code)


# ---- the script's own test ----

CLEAN = {
    'include/runnel/a.h': SPDX,
    'core/base/b.h': SPDX + '#include <runnel/a.h>\n',
    'core/base/b.c': SPDX + '#include "base/b.h"\n#include <stdio.h>\n/* time() */ int f(void) { return snprintf("puts(x)"); }\n',
    'core/data/d.h': SPDX + '#include "base/b.h"\n',
    'core/node/n.h': SPDX + '#include "data/d.h"\nstatic inline int f(struct e *e) { return e->random(e); }\n',
    'daemon/m.c': SPDX + '#include "node/n.h"\n#include <event2/event.h>\n#include <unistd.h>\n',
    'client/c.h': SPDX + '#include "data/d.h"\n#include <event2/event.h>\n',
    'tool/t.c': SPDX + '#include "client/c.h"\n',
    'plugins/storage/one/p.h': SPDX + '#include "plugins/storage/one/q.h"\n',
    'plugins/storage/one/p.c': SPDX + '#include "p.h"\n#include "base/b.h"\n#include <event2/event.h>\n',
    'plugins/storage/common/s.h': SPDX,
    'plugins/storage/three/x.c': SPDX + '#include "plugins/storage/common/s.h"\n',
    'plugins/storage/three/x_test.c': SPDX + '#include "tests/host.h"\n',
    'plugins/storage/one/q.h': SPDX,
    'tests/host.h': SPDX + '#include "tests/unit/check.h"\n',
    'tests/world.h': SPDX,
    'tests/unit/check.h': SPDX,
    'scripts/run': '#!/bin/sh\n# SPDX-License-Identifier: MIT\n',
    'examples/data/notes.csv': 'no source\n',
    'doc/notes.md': '<!-- SPDX-License-Identifier: MIT -->\n# Notes\n',
}
PLANTED = [
    ('arrows', 'core/base/x.c', SPDX + '#include "data/d.h"\n'),
    ('arrows', 'core/data/x.c', SPDX + '  #  include "node/n.h"\n'),
    ('arrows', 'core/node/x.c', SPDX + '#include "daemon/m.c"\n'),
    ('arrows', 'include/runnel/x.h', SPDX + '#include <base/b.h>\n'),
    ('arrows', 'client/x.c', SPDX + '#include "node/n.h"\n'),
    ('arrows', 'tool/x.c', SPDX + '#include "../core/node/n.h"\n'),
    ('arrows', 'plugins/storage/two/x.c', SPDX + '#include "core/data/d.h"\n'),
    ('arrows', 'plugins/storage/two/x.c', SPDX + '#include "../one/p.h"\n'),
    ('arrows', 'plugins/sync/two/x.c', SPDX + '#include "plugins/storage/common/s.h"\n'),
    ('arrows', 'plugins/storage/two/x.c', SPDX + '#include "tests/host.h"\n'),
    ('arrows', 'daemon/x.c', SPDX + '#include "tool/t.c"\n'),
    ('arrows', 'core/base/x.c', SPDX + '#include "base/gone.h"\n'),
    ('arrows', 'core/new/x.c', SPDX + '#include "base/b.h"\n'),
    ('circles', 'core/base/b.h', SPDX + '#include "base/b.h"\n'),
    ('circles', 'plugins/storage/one/q.h', SPDX + '#include "plugins/storage/one/p.h"\n'),
    ('circles', 'tests/unit/model.h', SPDX + '#include "tests/world.h"\n'),
    ('libevent', 'core/node/x.c', SPDX + '#include <event2/event.h>\n'),
    ('libevent', 'sim/x.c', SPDX + '#include <event2/event.h>\n'),
    ('world', 'core/base/x.c', SPDX + '#include <unistd.h>\n'),
    ('world', 'core/data/x.c', SPDX + '#include <sys/socket.h>\n'),
    ('world', 'core/node/x.h', SPDX + '#include <fcntl.h>\n'),
    ('world', 'core/node/x.c', SPDX + '#include <time.h>\n'),
    ('world', 'core/base/x.c', SPDX + 'void f(void) { fprintf (stderr, "x"); }\n'),
    ('world', 'core/node/x.c', SPDX + '/* a */ char *f(void) { return getenv("x"); } /* b */\n'),
]

sys.exit(run(check_tree, ('arrows', 'circles', 'libevent', 'world'), CLEAN, PLANTED))
