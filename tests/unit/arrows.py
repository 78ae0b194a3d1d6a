#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# arrows.py — holds the tree against the rules of the house: who may include whom, who may touch the world.
# May touch: reads the source tree; a temporary folder for its own test.
"""Reads every source file under $RUNNEL_SRC and prints TAP.

The rules are the tables below. At the end the script plants one violation of each kind in a small
tree of its own and expects to find exactly that one.
"""
import os
import re
import sys
import tempfile

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
    'examples': ['include', 'core/base', 'client'],
    'tests': ['include', 'core', 'daemon', 'sim', 'client', 'tool', 'plugins'],
    'bench': ['include', 'core', 'daemon', 'sim', 'client', 'tool', 'plugins'],
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

SOURCES = ('.c', '.h', '.cc', '.cpp', '.py', '.sh', '.mk', '.am', '.ac', '.in', '.awk', '.js', '.md', '.txt', '.conf', '.1', '.3', '.5', '.8',
           '/README')
ROOTS = ('include', 'core', 'daemon', 'client', 'tool', 'plugins', 'sim', 'tests', 'bench', 'examples', 'scripts', 'etc', 'doc')
TOP = ('configure.ac', 'Makefile.am', 'README.md', 'CHANGELOG.md', 'LICENSE')
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.M)
SEARCH = ('include', 'core', '')  # as the -I options of Makefile.am


def read(root, path):
    with open(os.path.join(root, path), encoding='utf-8', errors='replace') as f:
        return f.read()


def is_source(root, path):
    if path.endswith(SOURCES):
        return True
    if '.' in os.path.basename(path):
        return False
    with open(os.path.join(root, path), 'rb') as f:
        return f.read(2) == b'#!'


def sources(root):
    found = [p for p in TOP if os.path.exists(os.path.join(root, p))]
    for top in ROOTS:
        for folder, folders, files in os.walk(os.path.join(root, top)):
            folders[:] = sorted(f for f in folders if not f.startswith('.') and f != '__pycache__')
            for name in sorted(files):
                path = os.path.relpath(os.path.join(folder, name), root)
                if not name.startswith('.') and is_source(root, path):
                    found.append(path)
    return found


def resolve(root, path, name, quoted):
    """The file of this tree that an #include means; None: it comes from elsewhere."""
    places = ([os.path.dirname(path)] if quoted else []) + list(SEARCH)
    for place in places:
        target = os.path.normpath(os.path.join(place, name))
        if os.path.isfile(os.path.join(root, target)):
            return target
    return None


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


def bare(text):
    """The text without comments and string literals, line by line as before."""
    def blank(m):
        return re.sub(r'[^\n]', ' ', m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


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
    text = read(root, path)
    found = []
    if not any('SPDX-License-Identifier: MIT' in line for line in text.split('\n')[:3]):
        found.append(('licence', '%s:1: no SPDX line among the first three' % path))
    if not path.endswith(('.c', '.h', '.cc', '.cpp')):
        return found
    for m in INCLUDE.finditer(text):
        line = text.count('\n', 0, m.start()) + 1
        for rule, what in check_include(root, path, m.group(1) or m.group(2), m.group(1) is not None):
            found.append((rule, '%s:%d: %s' % (path, line, what)))
    if path.startswith(PURE):
        code = bare(text)
        for m in PURE_CALLS.finditer(code):
            found.append(('world', '%s:%d: calls %s' % (path, code.count('\n', 0, m.start()) + 1, m.group(1))))
    return found


def check_tree(root):
    return [v for path in sources(root) for v in check_file(root, path)]


# ---- the script's own test ----

SPDX = '/* SPDX-License-Identifier: MIT */\n'
CLEAN = {
    'include/runnel/a.h': SPDX,
    'core/base/b.h': SPDX + '#include <runnel/a.h>\n',
    'core/base/b.c': SPDX + '#include "base/b.h"\n#include <stdio.h>\n/* time() */ int f(void) { return snprintf("puts(x)"); }\n',
    'core/data/d.h': SPDX + '#include "base/b.h"\n',
    'core/node/n.h': SPDX + '#include "data/d.h"\nstatic inline int f(struct e *e) { return e->random(e); }\n',
    'daemon/m.c': SPDX + '#include "node/n.h"\n#include <event2/event.h>\n#include <unistd.h>\n',
    'client/c.h': SPDX + '#include "data/d.h"\n#include <event2/event.h>\n',
    'tool/t.c': SPDX + '#include "client/c.h"\n',
    'plugins/storage/one/p.h': SPDX,
    'plugins/storage/one/p.c': SPDX + '#include "p.h"\n#include "base/b.h"\n#include <event2/event.h>\n',
    'plugins/storage/common/s.h': SPDX,
    'plugins/storage/three/x.c': SPDX + '#include "plugins/storage/common/s.h"\n',
    'plugins/storage/three/x_test.c': SPDX + '#include "tests/host.h"\n',
    'tests/host.h': SPDX,
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
    ('libevent', 'core/node/x.c', SPDX + '#include <event2/event.h>\n'),
    ('libevent', 'sim/x.c', SPDX + '#include <event2/event.h>\n'),
    ('world', 'core/base/x.c', SPDX + '#include <unistd.h>\n'),
    ('world', 'core/data/x.c', SPDX + '#include <sys/socket.h>\n'),
    ('world', 'core/node/x.h', SPDX + '#include <fcntl.h>\n'),
    ('world', 'core/node/x.c', SPDX + '#include <time.h>\n'),
    ('world', 'core/base/x.c', SPDX + 'void f(void) { fprintf (stderr, "x"); }\n'),
    ('world', 'core/node/x.c', SPDX + '/* a */ char *f(void) { return getenv("x"); } /* b */\n'),
    ('licence', 'core/base/x.c', '/* no licence */\n'),
    ('licence', 'tests/x.mk', '# none\n'),
    ('licence', 'scripts/other', '#!/bin/sh\n'),
    ('licence', 'doc/other.md', '# A page\n'),
    ('licence', 'etc/conf.d/README', 'about this folder\n'),
]


def write(root, path, text):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, 'w', encoding='utf-8') as f:
        f.write(text)


def planted(rule, path, text):
    """What the check says of the clean tree with one file more."""
    with tempfile.TemporaryDirectory() as root:
        for name, clean in CLEAN.items():
            write(root, name, clean)
        if rule:
            write(root, path, text)
        return check_tree(root)


def main():
    root = os.environ.get('RUNNEL_SRC') or os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
    rules = ('arrows', 'libevent', 'world', 'licence')
    found = check_tree(root)
    results = [('%s: all of the tree' % rule, [what for r, what in found if r == rule]) for rule in rules]
    results.append(('there is a tree to read', [] if len(sources(root)) > 30 else ['few sources below %s' % root]))
    said = planted(None, None, None)
    results.append(('a clean tree is found clean', ['%s %s' % v for v in said]))
    for rule, path, text in PLANTED:
        said = planted(rule, path, text)
        right = len(said) == 1 and said[0][0] == rule and said[0][1].startswith(path + ':')
        results.append(('a planted violation is found: %s, %s: %s' % (rule, path, text.strip().split('\n')[-1]),
                        [] if right else ['said %r' % (said,)]))
    print('1..%d' % len(results))
    for k, (name, wrong) in enumerate(results, 1):
        print('%s %d - %s' % ('not ok' if wrong else 'ok', k, name.replace('#', '')))
        for what in wrong:
            print('# ' + what)
    return 1 if any(wrong for _, wrong in results) else 0


if __name__ == '__main__':
    sys.exit(main())
