# SPDX-License-Identifier: MIT
# words.py — holds code, messages and manuals against the vocabulary: one thing has one name.
# May touch: reads the source tree; temporary folders for its own test.
import re
import sys

from tree import SPDX, read, run, sources

# Words of other systems, and what the thing is called here. Each also in the plural, and as a part of an identifier.
WORDS = {
    'topic': 'stream', 'channel': 'stream', 'feed': 'stream', 'shard': 'stream',
    'stream queue': 'stream', 'message queue': 'stream', 'subscription queue': 'follow', 'event log': 'stream',
    'datapoint': 'observation', 'data point': 'observation', 'log entry': 'observation', 'log entries': 'observation',
    'timestamp': 'time', 'time stamp': 'time', 'seqno': 'seq', 'sequence number': 'seq',
    'broker': 'node', 'hub': 'node', 'gateway': 'node', 'peer id': 'node id', 'server id': 'node id',
    'producer': 'publisher', 'consumer': 'subscriber or reader', 'supplier': 'provider',
    'replica': 'subscriber', 'slave': 'subscriber', 'master': 'publisher', 'leader': 'publisher',
    'stream uuid': 'stream id', 'stream name hash': 'stream id', 'tree top': 'root',
    'backend': 'storage', 'back end': 'storage', 'driver': 'plugin', 'addon': 'plugin',
    'endpoint': 'address', 'rpc': 'method', 'permission': 'right', 'privilege': 'right',
}
# (files, word): there it means something else, or names what runnel is not.
ELSEWHERE = [
    (r'bench/|doc/performance\.md$', None),  # what the peers call their things
    (r'tests/unit/words\.py$', None),
    (r'README\.md$', r'brokers?|replica'),  # beside others
    (r'doc/man/runneld\.8$', r'broker'),
    (r'.*', r'(?<=line )feeds?|(?<=tap-)driver'),
]
READ = ('.c', '.h', '.cc', '.cpp', '.py', '.md', '.txt', '.conf', '.sh', '.1', '.3', '.5', '.8')
BANNED = re.compile('|'.join(r'(?<![a-z])(?:%s(?:e?s)?)(?![a-z])' % re.escape(w).replace(r'\ ', r'[\s_-]+')
                             for w in sorted(WORDS, key=len, reverse=True)))


def plain(text):
    """Lower case, identifiers in CamelCase cut at each hump; every letter stays on its line."""
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', text).lower()


def allowed(path, text, m):
    for files, word in ELSEWHERE:
        if re.match(files, path):
            if word is None or any(w.start() == m.start() for w in re.finditer(word, text)):
                return True
    return False


def instead(word):
    word = re.sub(r'[\s_-]+', ' ', word)
    for w in (word, word[:-1], word[:-2]):
        if w in WORDS:
            return WORDS[w]
    return '?'


def check_tree(root):
    found = []
    for path in sources(root):
        if not path.endswith(READ):
            continue
        text = plain(read(root, path))
        for m in BANNED.finditer(text):
            if not allowed(path, text, m):
                found.append(('words', '%s:%d: "%s"; here it is called %s' %
                              (path, text.count('\n', 0, m.start()) + 1, m.group(0), instead(m.group(0)))))
    return found


# ---- the script's own test ----

CLEAN = {
    'README.md': '<!-- SPDX-License-Identifier: MIT -->\nThere is no broker. Brokers do otherwise.\n',
    'core/base/b.c': SPDX + 'int stream_topical(void); /* a line feed; the subtopic of rechanneling */\n',
    'bench/load/nats.c': SPDX + 'const char *topic;\n',
}
PLANTED = [
    ('words', 'core/base/x.c', SPDX + 'int rn_topic_new(void);\n'),
    ('words', 'core/base/x.c', SPDX + 'struct ChannelList;\n'),
    ('words', 'core/base/x.h', SPDX + '#define RN_MAX_CONSUMERS 3\n'),
    ('words', 'tool/x.c', SPDX + 'const char *s = "see the subscription queue";\n'),
    ('words', 'doc/man/x.1', '.\\" SPDX-License-Identifier: MIT\nThe time\nstamp of it.\n'),
    ('words', 'doc/other.md', '<!-- SPDX-License-Identifier: MIT -->\nAsk the broker.\n'),
    ('words', 'tests/unit/x.py', '# SPDX-License-Identifier: MIT\nfeed = 1\n'),
]

sys.exit(run(check_tree, ('words',), CLEAN, PLANTED))
