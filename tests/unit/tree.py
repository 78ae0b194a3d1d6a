# SPDX-License-Identifier: MIT
# tree.py — reads the source tree for the rules of the house, and holds each rule itself against planted violations.
# May touch: reads the source tree; temporary folders for what is planted.
"""A rule is a function of a root that gives (rule, 'path:line: what') for each violation. run() prints TAP: one test a
rule on the real tree, then a small clean tree must be found clean, and with one file more just the one violation."""
import os
import re
import tempfile

ROOT = os.environ.get('RUNNEL_SRC') or os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')

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
            folders[:] = sorted(f for f in folders if not f.startswith('.') and f not in ('__pycache__', 'node_modules'))
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


def includes(root, path):
    """(line, name, quoted) of each #include."""
    text = read(root, path)
    for m in INCLUDE.finditer(text):
        yield text.count('\n', 0, m.start()) + 1, m.group(1) or m.group(2), m.group(1) is not None


def bare(text):
    """The text without comments and string literals, line by line as before."""
    def blank(m):
        return re.sub(r'[^\n]', ' ', m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


# ---- a rule's own test ----

SPDX = '/* SPDX-License-Identifier: MIT */\n'


def write(root, path, text):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, 'w', encoding='utf-8') as f:
        f.write(text)


def with_planted(check, clean, path, text):
    """What the check says of the clean tree with one file more, or another."""
    with tempfile.TemporaryDirectory() as root:
        for name, content in clean.items():
            write(root, name, content)
        if path:
            write(root, path, text)
        return check(root)


def run(check, rules, clean, planted):
    """`planted` is a list of (rule, path, text): each must give exactly one violation, of that rule, in that file."""
    found = check(ROOT)
    results = [('%s: all of the tree' % rule, [what for r, what in found if r == rule]) for rule in rules]
    results.append(('there is a tree to read', [] if len(sources(ROOT)) > 30 else ['few sources below %s' % ROOT]))
    said = with_planted(check, clean, None, None)
    results.append(('a clean tree is found clean', ['%s %s' % v for v in said]))
    for rule, path, text in planted:
        said = with_planted(check, clean, path, text)
        right = len(said) == 1 and said[0][0] == rule and said[0][1].startswith(path + ':')
        results.append(('a planted violation is found: %s, %s: %s' % (rule, path, (text.strip().split('\n') or [''])[-1]),
                        [] if right else ['said %r' % (said,)]))
    print('1..%d' % len(results))
    for k, (name, wrong) in enumerate(results, 1):
        print('%s %d - %s' % ('not ok' if wrong else 'ok', k, name.replace('#', '')))
        for what in wrong:
            print('# ' + what)
    return 1 if any(wrong for _, wrong in results) else 0
