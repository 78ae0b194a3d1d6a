# SPDX-License-Identifier: MIT
# house.py — holds the tree against the rules of the house: heads and names of files, lengths of functions, folders described.
# May touch: reads the source tree; temporary folders for its own test.
import ast
import os
import re
import sys

from tree import SPDX, bare, read, run, sources

# ---- heads: what a file is for and what it may touch stands on its first lines ----

# Formats that have a head of their own, or none: pages, data, configs, templates of files that are installed.
HEADLESS = ('.md', '.txt', '.conf', '.in', '.1', '.3', '.5', '.8', 'LICENSE', '/README')
HEAD_LINES = 14


def check_head(root, path, text):
    found, head = [], text.split('\n')[:HEAD_LINES]
    if not any('SPDX-License-Identifier: MIT' in line for line in head[:3]):
        found.append(('heads', '%s:1: no SPDX line among the first three' % path))
    if path.endswith(HEADLESS):
        return found
    name = re.escape(os.path.basename(path))
    if not any(re.search(r'(?:^|[ "/])%s(?: [^—]*)? — \S' % name, line) for line in head[:5]):
        found.append(('heads', '%s:2: want "%s — what it is for"' % (path, os.path.basename(path))))
    if not any('May touch: ' in line for line in head):
        found.append(('heads', '%s:3: want "May touch: …" in the first %d lines' % (path, HEAD_LINES)))
    return found


# ---- functions: one reads them at a glance ----

LONGEST = 100
REASON = re.compile(r'\bLong because \w')  # in the comment above it


def functions(text):
    """(name, first line, last line) of each function in C, lines from 0. At depth 0 a brace that follows a
    parameter list opens one."""
    code = re.sub(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', lambda m: re.sub(r'[^\n]', ' ', m.group(0)), bare(text), flags=re.M)
    depth, begin, start, name = 0, 0, None, None
    for m in re.finditer(r'[{};]', code):
        what, at = m.group(0), m.start()
        if what == '{':
            said = code[begin:at]
            if depth == 0 and re.fullmatch(r'\s*extern\s*', said):  # extern "C"
                begin = at + 1
                continue
            call = re.search(r'(\w+)\s*\(', re.sub(r'__attribute__\s*\(\(.*?\)\)', '', said, flags=re.S))
            if depth == 0 and call and '=' not in said:
                start, name = begin + len(said) - len(said.lstrip()), call.group(1)
            depth += 1
        elif what == '}':
            depth = 0 if at == 0 or code[at - 1] == '\n' else max(depth - 1, 0)  # a brace in column 1 ends it all
            if depth == 0 and start is not None:
                yield name, code.count('\n', 0, start), code.count('\n', 0, at)
                start = None
        if depth == 0:
            begin = at + 1


def functions_of_python(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno - 1, node.end_lineno - 1


def comment_above(lines, first):
    """The lines of comment that end right above line `first`."""
    at = first
    while at > 0 and re.match(r'\s*(?:/\*|\*|//|#(?!\s*(?:if|else|endif|include|define)\b))|.*\*/\s*$', lines[at - 1]):
        at -= 1
    return '\n'.join(lines[at:first])


def check_functions(path, text):
    if path.endswith('.py') or re.match(r'#!.*python', text):
        found = functions_of_python(text)
    elif path.endswith(('.c', '.h', '.cc', '.cpp')):
        found = functions(text)
    else:
        return []
    lines = text.split('\n')
    return [('functions', '%s:%d: %s has %d lines, more than %d; cut it, or say above it "Long because …"' %
             (path, first + 1, name, last - first + 1, LONGEST))
            for name, first, last in found
            if last - first + 1 > LONGEST and not REASON.search(comment_above(lines, first))]


# ---- folders: each says what it is for ----

def must_describe_itself(folder):
    """The rooms, and each plugin; what lies deeper may be a line in the README above it."""
    parts = folder.split('/')
    return len(parts) == 1 or parts[0] == 'core' or (parts[0] == 'plugins' and len(parts) == 3)


def describes(root, folder, inner):
    path = os.path.join(folder, 'README.md')
    if not os.path.isfile(os.path.join(root, path)):
        return False
    return inner is None or '`%s/' % inner in read(root, path)


def check_folders(root, paths):
    first = {}  # folder: the first file in it or below
    for path in paths:
        folder = os.path.dirname(path)
        while folder:
            first.setdefault(folder, path)
            folder = os.path.dirname(folder)
    found = []
    for folder, path in sorted(first.items()):
        above, inner = os.path.split(folder)
        if describes(root, folder, None):
            continue
        if must_describe_itself(folder):
            found.append(('folders', '%s: there is no %s/README.md: what it is for, where to begin' % (path, folder)))
        elif not describes(root, above, inner):
            found.append(('folders', '%s: there is no %s/README.md, and no `%s/` in the README.md above' %
                          (path, folder, inner)))
    return found


# ---- maps: where there are many files, the README is a map of them ----

MANY_HEADERS = 20


def check_maps(root, paths):
    headers = {}
    for path in paths:
        if path.endswith('.h') and not path.endswith('state.h'):  # the inside of the header of that name
            headers.setdefault(os.path.dirname(path), []).append(path)
    found = []
    for folder, inside in sorted(headers.items()):
        if len(inside) > MANY_HEADERS and describes(root, folder, None):
            text = read(root, os.path.join(folder, 'README.md'))
            found += [('maps', '%s: %s/README.md does not name it; a folder of more than %d headers has a map of them' %
                       (path, folder, MANY_HEADERS)) for path in inside if '`%s`' % os.path.basename(path) not in text]
    return found


# ---- names: a file that is named is there ----

NAMED = re.compile(r'(?<![\w<$*{./…-])((?:[\w-]+/)*[\w-]{2,}\.(?:c|h|md|py|sh|mk))(?![\w(])')
# Not of this tree, or made by the build.
ELSEWHERE = ('config.h', 'confdefs.h', 'db.h', 'event.h', 'tap-driver.sh')


def prose(path, text):
    """Where people are told where to look: pages, and the comments of sources."""
    if path.endswith('.md'):
        return text
    if path.endswith(('.c', '.h')):
        return re.sub(r'(/\*.*?\*/)|.', lambda m: m.group(1) or (m.group(0) if m.group(0) == '\n' else ' '), text, flags=re.S)
    if path.endswith(('.py', '.mk', '.am', '.sh')):
        return re.sub(r'^(?!\s*#).*', '', text, flags=re.M)
    return ''


def check_names(path, text, paths, known):
    found = []
    if path == 'CHANGELOG.md':  # it tells of what was
        return []
    for m in NAMED.finditer(prose(path, text)):
        name = m.group(1)
        base = os.path.basename(name)
        there = [p for p in known.get(base, ()) if p == name or p.endswith('/' + name)]
        if not there and base not in ELSEWHERE and not re.match(r'[A-Z]+\.', base):  # NAME.py stands for any
            found.append(('names', '%s:%d: there is no %s' % (path, text.count('\n', 0, m.start()) + 1, name)))
    return found


# ---- spelling: one way to join words in the name of a C file ----

# Run together, as in flat C libraries; `_test` marks a test beside what it tests. Tests may say of what they are: `node-loop.c`.
SPELLING = re.compile(r'[a-z][a-z0-9]*(?:_test)?\.[ch]')
SPELLING_OF_TESTS = re.compile(r'[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?:_test)?\.[ch]')


def check_spelling(path):
    wanted = SPELLING_OF_TESTS if path.startswith('tests/') else SPELLING
    if not path.endswith(('.c', '.h')) or wanted.fullmatch(os.path.basename(path)):
        return []
    return [('spelling', '%s:1: words in the name of a C file are lower case and run together' % path)]


def check_tree(root):
    paths = sources(root)
    known = {}
    for path in paths:
        known.setdefault(os.path.basename(path), []).append(path)
    found = []
    for path in paths:
        text = read(root, path)
        found += check_head(root, path, text) + check_functions(path, text) + check_names(path, text, paths, known)
        found += check_spelling(path)
    return found + check_folders(root, paths) + check_maps(root, paths)


# ---- the script's own test ----

def head(name, comment='/* %s */\n'):
    return comment % ('SPDX-License-Identifier: MIT\n * %s — a test.\n * May touch: nothing.\n' % name)


PAGE = '<!-- SPDX-License-Identifier: MIT -->\n'
MANY = '    x();\n' * 99
CLEAN = {
    'README.md': PAGE,
    'scripts/README.md': PAGE + '`run` runs.\n',
    'scripts/run': '#!/bin/sh\n# SPDX-License-Identifier: MIT\n# run — runs.\n# May touch: all.\n',
    'core/README.md': PAGE,
    'core/base/README.md': PAGE + 'Begin with `b.h`, then core/base/b.c.\n',
    'core/base/b.h': head('b.h') + 'struct s {\n    int a;\n};\nenum e { A, B };\n',
    'core/base/b.c': head('b.c') + '/* See b.h. */\nint f(int (*g)(int),\n      int b) {\n' + MANY[:-18] + '}\n',
    'core/base/c.c': head('c.c') + '/* A table.\n * Long because it has all cases. */\nint f(void) {\n' + MANY + '}\n',
    'core/base/d.c': head('d.c') + '#define M(x) \\\n  do { \\\n  } while (0)\nextern "C" {\nint t[] = {\n' + '1,\n' * 200 + '};\n}\n',
    'sim/README.md': PAGE + ' '.join('`h%d.h`' % i for i in range(21)) + '\n',
    **{'sim/h%d.h' % i: head('h%d.h' % i) for i in range(21)},
    'sim/h1state.h': head('h1state.h'),
    'plugins/README.md': PAGE + '`storage/` has the storage plugins.\n',
    'plugins/storage/one/README.md': PAGE,
    'plugins/storage/one/p.c': head('p.c'),
    'tests/README.md': PAGE + '| `unit/` | tests of units |\n',
    'tests/unit/t.py': '# SPDX-License-Identifier: MIT\n"""t.py [N] — a test.\n\nMay touch: nothing.\n"""\n',
    'tests/unit/base-b.c': head('base-b.c'),
    'plugins/storage/one/two_test.c': head('two_test.c'),
    'tests/unit/vectors.txt': '# SPDX-License-Identifier: MIT\n',
}
PLANTED = [
    ('heads', 'core/base/x.c', '/* x.c — a test.\n * May touch: nothing. */\n'),
    ('heads', 'tests/unit/other.txt', 'about this folder\n'),
    ('heads', 'core/base/x.c', head('y.c')),
    ('heads', 'core/base/x.c', SPDX + '/* x.c: a test.\n * May touch: nothing. */\n'),
    ('heads', 'core/base/x.c', SPDX + '/* x.c — a test. */\n'),
    ('heads', 'tests/x.mk', '# SPDX-License-Identifier: MIT\n# x.mk — a test.\n'),
    ('heads', 'scripts/other', '#!/bin/sh\n# SPDX-License-Identifier: MIT\n# May touch: nothing.\n'),
    ('functions', 'core/base/x.c', head('x.c') + 'int f(void) {\n' + MANY + '}\n'),
    ('functions', 'core/base/x.c', head('x.c') + '/* Long, and so it is. */\nstatic int f(int a,\n  int b) {\n' + MANY[:-9] + '}\n'),
    ('functions', 'core/base/x.c', head('x.c') + '#define M(x) {\nextern "C" {\nint f(struct s a) {\n  struct s b = {{\n' + MANY + '  }};\n}\n}\n'),
    ('functions', 'tests/unit/x.py', head('x.py', '"""%s"""\n') + 'def f():\n' + '    x()\n' * 100),
    ('folders', 'tool/m.c', head('m.c')),
    ('folders', 'plugins/sync/one/README.md', PAGE),
    ('folders', 'plugins/storage/two/m.c', head('m.c')),
    ('folders', 'tests/new/m.c', head('m.c')),
    ('maps', 'sim/x.h', head('x.h')),
    ('names', 'core/base/x.c', head('x.c') + '/* As gone.h says. */\n'),
    ('names', 'core/base/x.md', PAGE + 'See `b.h`,\nand core/data/bb.h.\n'),
    ('spelling', 'core/base/bufX.h', head('bufX.h')),
    ('spelling', 'core/base/buf_x.h', head('buf_x.h')),
    ('spelling', 'core/base/buf-x.c', head('buf-x.c')),
    ('spelling', 'tests/unit/x_y.c', head('x_y.c')),
    ('names', 'tests/unit/x.mk', head('x.mk', '# %s').replace('\n *', '\n#') + '# with gone.py\n'),
]

sys.exit(run(check_tree, ('heads', 'functions', 'folders', 'maps', 'names', 'spelling'), CLEAN, PLANTED))
