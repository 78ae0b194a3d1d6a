#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# check.py — the formats of doc/protocol.md written a second time, to hold the vectors and the page against.
# May touch: reads its folder, doc/protocol.md and two headers; a temporary folder for the openssl command.
# `check.py` prints TAP; `check.py --write` writes the vectors and the page's examples anew.
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PAGE = os.path.join(ROOT, "doc", "protocol.md")
SEED = bytes(range(32))
PURPOSE = b"runnel/head/1\0"
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
BLOCK = 256


class Refused(Exception):
    pass


# ---- LEB128 -------------------------------------------------------------------------------------

def leb(v):
    out = bytearray()
    while v >= 128:
        out.append(v & 127 | 128)
        v >>= 7
    out.append(v)
    return bytes(out)


def read_leb(b, at):
    v = shift = 0
    start = at
    while True:
        if at == len(b):
            raise Refused("ends within a LEB128")
        v |= (b[at] & 127) << shift
        shift += 7
        at += 1
        if not b[at - 1] & 128:
            break
    if v >> 64 or leb(v) != b[start:at]:
        raise Refused("not the shortest LEB128 of 64 bits")
    return v, at


# ---- the tree of RFC 9162 -----------------------------------------------------------------------

def leaf_hash(b):
    return hashlib.sha256(b"\0" + b).digest()


def split(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def root_of(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(b"\1" + root_of(leaves[:k]) + root_of(leaves[k:])).digest()


def path_of(index, leaves):
    if len(leaves) <= 1:
        return []
    k = split(len(leaves))
    if index < k:
        return path_of(index, leaves[:k]) + [root_of(leaves[k:])]
    return path_of(index - k, leaves[k:]) + [root_of(leaves[:k])]


# ---- descriptors --------------------------------------------------------------------------------

def canonical(o):
    return json.dumps(o, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def stream_id(digest):
    b = bytearray(digest[:16])
    b[6] = b[6] & 0x0f | 0x80
    b[8] = b[8] & 0x3f | 0x80
    h = b.hex()
    return "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))


def no_twins(pairs):
    if len({k for k, _ in pairs}) != len(pairs):
        raise Refused("a key twice")
    return dict(pairs)


def want(ok, what):
    if not ok:
        raise Refused(what)


def permitted(v):
    if isinstance(v, dict):
        return all(k.isascii() and permitted(x) for k, x in v.items())
    if isinstance(v, list):
        return all(map(permitted, v))
    return isinstance(v, str) or type(v) is int and abs(v) < 1 << 53


def name_ok(s, least):
    return isinstance(s, str) and least <= len(s.encode()) <= 128 and not re.search("[\0-\x1f/\x7f-\x9f]", s)


def is_hex(s, n):
    return isinstance(s, str) and re.fullmatch("[0-9a-f]{%d}" % n, s)


def check_prior(p):
    want(isinstance(p, dict) and set(p) == {"id", "count", "root", "mode"}, "prior")
    want(type(p["count"]) is int and p["count"] >= 0, "prior.count")
    want(isinstance(p["id"], str) and is_hex(p["id"].replace("-", ""), 32), "prior.id")
    want(re.fullmatch(".{8}-.{4}-.{4}-.{4}-.{12}", p["id"]), "prior.id")
    want(is_hex(p["root"], 64) and p["mode"] in ("continues", "replaces"), "prior.root or prior.mode")


def tags_of(m):
    tags = m.get("tags", [])
    return tags if isinstance(tags, list) else [None]


def check_meta(m):
    want(isinstance(m, dict), "meta")
    texts = [m.get("unit", ""), m.get("description", ""), *tags_of(m)]
    want(all(isinstance(t, str) and "\0" not in t for t in texts), "meta.unit, meta.description or meta.tags")
    want(type(m.get("cadence", 0)) is int and m.get("cadence", 0) >= 0, "meta.cadence")


def read_descriptor(b):
    want(1 <= len(b) <= 4096, "size")
    try:
        o = json.loads(b.decode(), object_pairs_hook=no_twins)
    except ValueError as e:
        raise Refused(str(e))
    want(isinstance(o, dict) and permitted(o) and canonical(o) == b, "not canonical")
    want({"author", "source", "stream", "target"} <= set(o) <= {"author", "source", "stream", "target", "prior", "meta"},
         "members")
    want(is_hex(o["author"], 64), "author")
    want(name_ok(o["source"], 1) and name_ok(o["stream"], 1) and name_ok(o["target"], 0), "names")
    if "prior" in o:
        check_prior(o["prior"])
    if "meta" in o:
        check_meta(o["meta"])


# ---- blocks -------------------------------------------------------------------------------------

def entry(base, time, value):
    return leb(time - base) + leb(len(value)) + value


def block(obs):
    out, last = struct.pack("<q", obs[0][0]), obs[0][0]
    for time, value in obs:
        out += entry(last, time, value)
        last = time
    return out


def check_value(b):
    def constant(c):
        raise Refused(c)
    try:
        json.loads(b.decode(), parse_constant=constant)
    except ValueError as e:
        raise Refused(str(e))
    want(not re.search(rb"[ \t\r\n]", re.sub(rb'"(\\.|[^"\\])*"', b"", b)), "white space")


def read_entries(b, base, first):
    out, at = [], 0
    while at < len(b):
        delta, at = read_leb(b, at)
        n, at = read_leb(b, at)
        want(delta == 0 or not first or out, "a block starts with a delta")
        base += delta
        want(base <= INT64_MAX, "time")
        want(1 <= n <= 16384 and n <= len(b) - at, "length")
        check_value(b[at:at + n])
        out.append((base, b[at:at + n]))
        at += n
    want(len(out) <= BLOCK, "too many")
    return out


# ---- Ed25519 by the openssl command -------------------------------------------------------------

class Ed25519:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.key = self.file("key", bytes.fromhex("302e020100300506032b657004220420") + SEED)
        der = self.run("pkey", "-inform", "DER", "-in", self.key, "-pubout", "-outform", "DER")
        self.public = der[-32:]

    def file(self, name, data):
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def run(self, *args):
        return subprocess.run(("openssl",) + args, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout

    def sign(self, message):
        return self.run("pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", self.key, "-in",
                        self.file("message", message))

    def verify(self, public, message, signature):
        key = self.file("public", bytes.fromhex("302a300506032b6570032100") + public)
        try:
            self.run("pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", key, "-in",
                     self.file("message", message), "-sigfile", self.file("signature", signature))
        except subprocess.CalledProcessError:
            return False
        return True


# ---- the vectors --------------------------------------------------------------------------------

class Vectors:
    """The lines of all files, and what the page shows: name -> [(bytes, remark)]."""

    def __init__(self, ed):
        self.ed, self.files, self.shown = ed, {}, {}
        for make in (self.leb128, self.descriptors, self.blocks, self.trees, self.proofs, self.heads, self.frames):
            make()

    def line(self, file, kind, **fields):
        text = " ".join([kind] + ["%s=%s" % (k, v.hex() if isinstance(v, bytes) else v) for k, v in fields.items()])
        self.files.setdefault(file, []).append(text)

    def show(self, name, parts):
        self.shown[name] = parts
        return b"".join(p for p, _ in parts)

    def leb128(self):
        for v in (0, 1, 127, 128, 255, 300, 16383, 16384, 624485, (1 << 32) - 1, (1 << 56) - 1, (1 << 63), (1 << 64) - 1):
            self.line("leb128", "ok", value=v, bytes=leb(v))
        self.show("leb128.300", [(leb(300), "300")])
        for b in ("", "80", "8000", "8100", "ff00", "808000", "80808080808080808002", "ffffffffffffffffff7f",
                  "8080808080808080808001", "ffffffffffffffffffff"):
            self.line("leb128", "bad", bytes=bytes.fromhex(b))

    def descriptors(self):
        author = self.ed.public.hex()
        plain = {"author": author, "source": "noaa", "stream": "co2", "target": "mauna-loa"}
        rich = dict(plain, meta={"unit": "ppm", "cadence": 604800000, "description": "CO\u2082 in dry air,\nweekly \"\\\"",
                                 "tags": ["air", "\U0001f30b"], "height": -3397, "Big": {"b": 9007199254740991, "a": []}})
        digest = hashlib.sha256(canonical(plain)).digest()
        prior = dict(plain, prior={"id": stream_id(digest), "count": 2284, "root": digest.hex(), "mode": "continues"})
        empty = dict(plain, target="")
        self.plain = canonical(plain)
        for name, o in (("plain", plain), ("rich", rich), ("prior", prior), ("empty-target", empty)):
            text = canonical(o)
            digest = hashlib.sha256(text).digest()
            self.line("descriptor", "ok", name=name, hash=digest, id=stream_id(digest), text=text.decode())
        digest = hashlib.sha256(self.plain).digest()
        self.id = bytes.fromhex(stream_id(digest).replace("-", ""))
        self.shown["descriptor.text"] = self.plain.decode()
        self.shown["descriptor.hash"] = [(digest, "SHA-256 of the text")]
        self.shown["descriptor.id"] = stream_id(digest)
        good = self.plain.decode()
        start = good[:good.index(",")]
        rest = good[good.index(","):]
        for meta in ('{"b":1,"a":2}', '{"a":1,"a":1}', '{"a":1.0}', '{"a":1e2}', '{"a":-0}', '{"a":9007199254740992}',
                     '{"a":true}', '{"a":null}', '{"\u00e9":1}', '{"a":"\\u0041"}', '{"a":"\\/"}', '{"a":"\\u000a"}',
                     '{"a": 1}', '{"unit":1}', '{"cadence":-1}', '{"tags":[1]}', "[]"):
            self.line("descriptor", "bad", text=start + ',"meta":' + meta + rest)
        for text in (good + " ", good[:-1] + ',"x":1}', good.replace('"noaa"', '"no/aa"'), good.replace('"noaa"', '""'),
                     good.replace("noaa", "n" * 129), good.replace(author, author.upper()), good.replace(author, author[1:]),
                     good.replace('"target":"mauna-loa"', '"zarget":"mauna-loa"'), "{}", "[]",
                     good.replace("noaa", "n" * 4096), start + ',"prior":{}' + rest):
            self.line("descriptor", "bad", text=text)

    def block_line(self, name, obs):
        listed = ",".join("%d:%s" % (t, v.hex()) for t, v in obs)
        self.line("block", "block", name=name, bytes=block(obs), obs=listed)

    def blocks(self):
        three = [(1700000000000000000, b"421.5"), (1700000000000000000, b'"caf\xc3\xa9"'), (1700000001000000000, b'{"n":3}')]
        self.show("block.three", [
            (struct.pack("<q", three[0][0]), "first time: 1700000000000000000 (2023-11-14T22:13:20Z)"),
            (b"\0", "observation 0: delta 0"), (leb(5), "length 5"), (three[0][1], "421.5"),
            (b"\0", "observation 1: delta 0"), (leb(7), "length 7"), (three[1][1], '"caf\u00e9"'),
            (leb(10**9), "observation 2: delta 1000000000"), (leb(7), "length 7"), (three[2][1], '{"n":3}')])
        assert b"".join(p for p, _ in self.shown["block.three"]) == block(three)
        self.block_line("three", three)
        self.block_line("one-before-1970", [(-1, b"null")])
        self.block_line("whole-range", [(INT64_MIN, b"0"), (INT64_MAX, b"1")])
        self.block_line("long-value", [(0, b'"' + b"x" * 298 + b'"'), (127, b"[]"), (255, b"[1,[2]]")])
        self.block_line("full", [(i * i * 1000, b"%d" % i) for i in range(BLOCK)])
        for base, first, b in ((0, 1, "010131"), (0, 0, "80000131"), (0, 0, "00810031"), (0, 0, "0000"), (0, 0, "00"),
                               (0, 0, "000231"), (0, 0, "00818001"), (INT64_MAX, 0, "010131"), (0, 0, "00022031"),
                               (0, 0, "00036e756c"), (0, 0, "000122"), (0, 0, "0003" + b'"\xff"'.hex()),
                               (0, 0, "000131" * 257)):
            self.line("block", "bad", base=base, first=first, entries=b)

    def trees(self):
        leaves = [leaf_hash(b"%d" % i) for i in range(130)]
        for n in list(range(0, 18)) + [31, 32, 33, 127, 128, 129, 130]:
            self.line("tree", "root", n=n, root=root_of(leaves[:n]))
        for index, n in ((0, 1), (0, 2), (1, 2), (2, 3), (0, 7), (4, 7), (6, 7), (100, 129), (128, 129)):
            self.line("tree", "path", index=index, n=n, path=b"".join(path_of(index, leaves[:n])))
        self.show("tree.leaf", [(leaves[0], "leaf 0: SHA-256 of 00 30")])
        self.show("tree.root", [(root_of(leaves[:5]), "root of 5 leaves")])
        self.show("tree.path", [(path_of(2, leaves[:5])[0], "leaf 3, on the right"),
                                (path_of(2, leaves[:5])[1], "leaves 0 and 1, on the left"),
                                (path_of(2, leaves[:5])[2], "leaf 4, on the right")])

    def stream(self, count):
        """Leaves (bytes) of the stream that the proofs and heads speak of."""
        obs = [(-1000000000 + i // 2 * 250000000, b"%d" % (i * i)) for i in range(count)]
        return [self.plain] + [block(obs[i:i + BLOCK]) for i in range(0, count, BLOCK)]

    def stream_root(self, count):
        return root_of([leaf_hash(b) for b in self.stream(count)])

    def proofs(self):
        for count in (0, 1, 2, 255, 256, 257, 512, 513, 1000):
            self.line("proof", "root", count=count, root=self.stream_root(count))
        for a, b in ((0, 0), (0, 3), (2, 3), (3, 3), (1, 600), (256, 600), (257, 257), (257, 1000), (512, 513), (600, 1000)):
            leaves = self.stream(b)
            index = (a + BLOCK - 1) // BLOCK
            path = path_of(index, [leaf_hash(x) for x in leaves])
            parts = [(leb(a), "a = %d" % a), (leb(b), "b = %d" % b)] + [(h, "path: the descriptor's leaf") for h in path]
            data = self.show("proof.%d-%d" % (a, b), parts + [(leaves[index], "the bytes of block 0 at count 3")])
            self.line("proof", "proof", a=a, b=b, root_a=self.stream_root(a), root_b=self.stream_root(b), bytes=data)
        self.show("proof.root-2", [(self.stream_root(2), "root at count 2")])
        self.show("proof.root-3", [(self.stream_root(3), "root at count 3")])

    def head_parts(self, k, n):
        digest = hashlib.sha256(self.plain).digest() if k == 0 else hashlib.sha256(b"%d" % k).digest()
        count, root = (3, self.stream_root(3)) if k == 0 else (k * 1000, hashlib.sha256(b"root%d" % k).digest())
        at, through, flags = 1700000000000000000 + n, (INT64_MIN, 0, -1)[k % 3], k % 2
        return [(digest, "hash of the descriptor"), (struct.pack("<Q", count), "count: %d" % count), (root, "root"),
                (struct.pack("<q", at), "signed at: %d" % at), (struct.pack("<q", through), "through: promises nothing"),
                (struct.pack("<I", flags), "flags: none")]

    def heads(self):
        self.line("head", "author", seed=SEED, id=self.ed.public)
        for n in (1, 2, 3, 5, 8, 70):
            heads = [b"".join(p for p, _ in self.head_parts(k, n)) for k in range(n)]
            leaves = [leaf_hash(h) for h in heads]
            message = struct.pack("<Q", n) + root_of(leaves)
            signature = self.ed.sign(PURPOSE + message)
            for k in range(n) if n < 10 else (0, 63, 64, 69):
                path = path_of(k, leaves)
                parts = self.head_parts(k, n) + [(leb(k), "index: %d" % k), (leb(n), "number of heads: %d" % n)]
                parts += [(h, "path: the leaf of the other head") for h in path] + [(signature, "signature")]
                data = self.show("head.%d-of-%d" % (k, n), parts)
                self.line("head", "head", index=k, n=n, signed=message, bytes=data)
        self.signed_head = b"".join(p for p, _ in self.shown["head.0-of-1"])

    def frame(self, kind, name, parts, **fields):
        body = b"".join(p for p, _ in parts)
        full = [(struct.pack("<I", 1 + len(body)), "length: %d" % (1 + len(body))), (bytes([kind]), "type: " + name)]
        data = self.show("frame." + name, full + parts)
        self.line("frame", "frame", type=kind, bytes=data, **fields)

    def frames(self):
        def ident(v, what="request"):
            return leb(v), "%s: %d" % (what, v)

        def ns(v, what):
            return struct.pack("<q", v), "%s: %d" % (what, v)

        text = b'{"runnel":[1]}'
        self.frame(1, "HELLO", [(text, text.decode())], body=text)
        for kind, name, text in ((2, "REQUEST", b'{"method":"ping"}'), (3, "ANSWER", b"{}"),
                                 (4, "ERROR", b'{"code":"busy","message":"try later"}')):
            self.frame(kind, name, [ident(300), (text, text.decode())], id=300, body=text)
        stream = (self.id, "stream id")
        base = 1700000000000000000
        run = entry(base, base, b"1") + entry(base, base + 5, b"2")
        runs = (run, "entries: delta 0, length 1, 1; delta 5, length 1, 2")
        self.frame(5, "PUBLISH", [ident(7), stream, (b"\1", "flags: SEQ"), (leb(256), "seq: 256"), ns(base, "base"), runs],
                   id=7, stream=self.id, flags=1, seq=256, base=base, body=run)
        now = (entry(0, 0, b"1"), "entries: delta 0, length 1, 1")
        self.frame(5, "PUBLISH-NOW", [ident(8), stream, (b"\2", "flags: NOW"), ns(0, "base"), now],
                   id=8, stream=self.id, flags=2, base=0, body=now[0])
        self.frame(6, "PUBLISHED", [ident(7), (leb(256), "seq of the first: 256"), (leb(2), "how many: 2"),
                                    ns(base, "time of the first"), ns(base + 5, "time of the last")],
                   id=7, seq=256, count=2, base=base, last=base + 5)
        self.frame(7, "DATA", [ident(9, "follow"), (leb(256), "seq: 256"), ns(base, "base"), runs],
                   id=9, seq=256, base=base, body=run)
        self.frame(8, "HEAD", [ident(9, "follow"), (self.signed_head, "signed head")], id=9, body=self.signed_head)
        text = b'{"live":true,"next":258}'
        self.frame(9, "STATE", [ident(9, "follow"), (text, text.decode())], id=9, body=text)
        self.frame(10, "CREDIT", [ident(9, "follow"), (leb(65536), "bytes: 65536")], id=9, count=65536)
        hashes = [leaf_hash(self.plain), self.stream_root(3)]
        self.frame(11, "HASHES", [ident(10)] + [(h, "a hash") for h in hashes], id=10, body=b"".join(hashes))

    def text(self, file):
        head = "# SPDX-License-Identifier: MIT\n" \
               "# Vectors of doc/protocol.md, made by check.py --write. One a line: a kind, then key=value; bytes are in\n" \
               "# hexadecimal; text= runs to the end of the line.\n"
        return head + "\n".join(self.files[file]) + "\n"


# ---- the page -----------------------------------------------------------------------------------

def rendered(shown):
    """How the page shows an example: text as it is, bytes with a remark on each part."""
    if isinstance(shown, str):
        return shown
    lines = []
    for data, remark in shown:
        pieces = [data[i:i + 32].hex() for i in range(0, len(data), 32)]
        pieces[0] = "%-18s  %s" % (pieces[0], remark)
        lines += pieces
    return "\n".join(lines)


EXAMPLE = re.compile(r"(<!-- example: (\S+) -->\n```\n)(.*?)(\n```\n)", re.S)


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def limits_differ(page):
    said = re.findall(r"^\| `([A-Z_]+)` \| (\d+) \| (.+) \|$", page, re.M)
    code = re.findall(r'X\((\w+), (\d+), "([^"]*)"\)', read(ROOT, "core", "data", "limits.h"))
    return said != code or not code


def errors_differ(page):
    said = re.findall(r"^\| (\d+) \| `([a-z-]+)` \| (.+) \|$", page, re.M)
    code = re.findall(r'RUNNEL_E\w+ = (\d+),? +/\* "([a-z-]+)": (.*?) \*/', read(ROOT, "include", "runnel", "types.h"))
    return said != code or not code


# ---- running ------------------------------------------------------------------------------------

def refuses(check, *args):
    try:
        check(*args)
    except Refused:
        return True
    return False


def fields(line):
    head, _, text = line.partition(" text=")
    return dict([w.split("=", 1) for w in head.split()[1:]] + ([("text", text)] if text else []))


def bad_ones(lines):
    return [fields(x) for x in lines if x.startswith("bad ")]


def all_leb(b):
    want(read_leb(b, 0)[1] == len(b), "more behind it")


def tests(vectors):
    for file in vectors.files:
        path = os.path.join(HERE, file + ".txt")
        yield file + ".txt is what this script computes", os.path.exists(path) and read(path) == vectors.text(file)
    v = vectors.files
    yield "every bad LEB128 is refused", all(refuses(all_leb, bytes.fromhex(f["bytes"])) for f in bad_ones(v["leb128"]))
    yield "every bad descriptor is refused", all(refuses(read_descriptor, f["text"].encode())
                                                 for f in bad_ones(v["descriptor"]))
    yield "every good descriptor is read", not any(refuses(read_descriptor, fields(x)["text"].encode())
                                                   for x in v["descriptor"] if x.startswith("ok "))
    yield "every bad run is refused", all(refuses(read_entries, bytes.fromhex(f["entries"]), int(f["base"]), f["first"] == "1")
                                          for f in bad_ones(v["block"]))
    for n in ("1", "8"):
        f = next(f for f in map(fields, v["head"][1:]) if f["n"] == n)
        message, signature = PURPOSE + bytes.fromhex(f["signed"]), bytes.fromhex(f["bytes"])[-64:]
        ed = vectors.ed
        yield "openssl verifies the signature over %s" % n, ed.verify(ed.public, message, signature)
        yield "and no altered one", not ed.verify(ed.public, message + b"x", signature) and \
            not ed.verify(ed.public, message, signature[:-1] + b"\0")
    page = read(PAGE)
    found = EXAMPLE.findall(page)
    for _, name, text, _ in found:
        yield "doc/protocol.md: example " + name, name in vectors.shown and text == rendered(vectors.shown[name])
    needed = [n for n in vectors.shown if n.startswith("frame.")] + \
        ["leb128.300", "descriptor.text", "descriptor.hash", "descriptor.id", "block.three", "tree.root", "tree.path",
         "proof.2-3", "head.0-of-1", "head.0-of-2"]
    yield "doc/protocol.md: nothing is without example", set(needed) <= {name for _, name, _, _ in found}
    yield "doc/protocol.md: the limits are those of core/data/limits.h", not limits_differ(page)
    yield "doc/protocol.md: the errors are those of include/runnel/types.h", not errors_differ(page)


def write(vectors):
    for file in vectors.files:
        with open(os.path.join(HERE, file + ".txt"), "w", encoding="utf-8") as f:
            f.write(vectors.text(file))
    page = EXAMPLE.sub(lambda m: m[1] + rendered(vectors.shown[m[2]]) + m[4], read(PAGE))
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(page)


def main():
    vectors = Vectors(Ed25519())
    if sys.argv[1:] == ["--write"]:
        return write(vectors)
    results = list(tests(vectors))
    print("1..%d" % len(results))
    for k, (name, ok) in enumerate(results, 1):
        print("%s %d - %s" % ("ok" if ok else "not ok", k, name))
    return 0 if all(ok for _, ok in results) else 1


if __name__ == "__main__":
    sys.exit(main())
