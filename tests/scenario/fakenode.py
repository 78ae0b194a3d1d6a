# SPDX-License-Identifier: MIT
# fakenode.py — a node of a few streams kept in memory, for tests of what talks to a node. It speaks
# doc/protocol.md from the outside, written from that page alone, and can be told to misbehave.
# May touch: a unix socket at the path that it is given.
#
# As a program: fakenode.py PATH serves until it is ended. As a module: FakeNode(path) with
#   streams   list of Stream objects
#   script    {method: function(session, id, request)}: answers in place of the usual, may misbehave
#   chunk     bytes a send (0: all at once): 1 splits every frame byte by byte
import hashlib
import json
import os
import socket
import struct
import sys
import threading
import time

HELLO, REQUEST, ANSWER, ERROR, PUBLISH, PUBLISHED, DATA, HEAD, STATE, CREDIT = range(1, 11)
NODE = "ab" * 32


def leb(v):
    out = bytearray()
    while True:
        out.append((v & 0x7F) | (0x80 if v > 0x7F else 0))
        v >>= 7
        if not v:
            return bytes(out)


def unleb(b, at):
    v = shift = 0
    while True:
        c = b[at]
        at += 1
        v |= (c & 0x7F) << shift
        shift += 7
        if not c & 0x80:
            return v, at


def compact(v):
    return json.dumps(v, separators=(",", ":"), ensure_ascii=False)


def frame(kind, body):
    return struct.pack("<IB", len(body) + 1, kind) + body


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Stream:
    def __init__(self, source, stream, target="", author=NODE, own=True, meta=None):
        self.descriptor = {"author": author, "source": source, "stream": stream, "target": target}
        if meta:
            self.descriptor["meta"] = meta
        text = json.dumps(self.descriptor, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
        digest = bytearray(hashlib.sha256(text.encode()).digest()[:16])
        digest[6] = digest[6] & 0x0F | 0x80
        digest[8] = digest[8] & 0x3F | 0x80
        h = digest.hex()
        self.raw = bytes(digest)
        self.id = "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))
        self.own = own
        self.subscribed = False
        self.obs = []  # (time, value text)

    def name(self):
        return "/".join(self.descriptor[k] for k in ("author", "source", "stream", "target"))

    def describe(self):
        o = {"stream": self.id, "descriptor": self.descriptor, "own": self.own, "subscribed": self.subscribed,
             "live": True, "count": len(self.obs), "state": "own" if self.own else "held"}
        if self.obs:
            o["last"] = str(self.obs[-1][0])
        o.update(head="00" * 157, head_count=len(self.obs), root="cd" * 32, signed_at="1700000000000000000",
                 through=str(-2**63))
        return o


class Session:
    def __init__(self, node, sock):
        self.node, self.sock = node, sock
        self.lock = threading.RLock()
        self.follows = {}  # id -> [stream, next, until, credit, live told]

    def send(self, data):
        step = self.node.chunk or len(data)
        with self.lock:
            for i in range(0, len(data), step):
                self.sock.sendall(data[i:i + step])

    def send_json(self, kind, id, o):
        self.send(frame(kind, leb(id) + compact(o).encode()))

    def answer(self, id, o):
        self.send_json(ANSWER, id, o)

    def error(self, id, code, message):
        self.send_json(ERROR, id, {"code": code, "message": message})

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)

    def data(self, follow, seq, base, observations):
        body = leb(follow) + leb(seq) + struct.pack("<q", base)
        for t, v in observations:
            v = v if isinstance(v, bytes) else v.encode()
            body += leb(t - base) + leb(len(v)) + v
            base = t
        self.send(frame(DATA, body))

    # ---- what comes ----

    def serve(self):
        self.send(frame(HELLO, compact({"runnel": [1], "node": NODE, "nonce": "00" * 16,
                                        "agent": "fakenode/1"}).encode()))
        buf = b""
        while True:
            try:
                got = self.sock.recv(65536)
            except OSError:
                return
            if not got:
                return
            buf += got
            while len(buf) >= 4 and len(buf) >= 4 + struct.unpack_from("<I", buf)[0]:
                n = struct.unpack_from("<I", buf)[0]
                kind, body, buf = buf[4], buf[5:4 + n], buf[4 + n:]
                try:
                    with self.node.lock:
                        self.take(kind, body)
                except OSError:
                    return

    def take(self, kind, body):
        if kind == HELLO:
            self.node.hellos.append(json.loads(body))
            return
        id, at = unleb(body, 0)
        try:
            if kind == REQUEST:
                request = json.loads(body[at:])
                method = request["method"]
                self.node.seen.append(request)
                if method in self.node.script:
                    self.node.script[method](self, id, request)
                elif hasattr(self, "do_" + method):
                    self.answer(id, getattr(self, "do_" + method)(id, request))
                    self.node.pump()
                else:
                    raise Refused("unsupported", "there is no method %s" % method)
            elif kind == PUBLISH:
                if "publish" in self.node.script:
                    self.node.script["publish"](self, id, body[at:])
                else:
                    self.publish(id, body[at:])
            elif kind == CREDIT:
                n, at = unleb(body, at)
                if id in self.follows:
                    self.follows[id][3] += n
                self.node.pump()
        except Refused as e:
            self.error(id, e.code, str(e))

    def publish(self, id, b):
        s = self.node.find_raw(b[:16])
        flags, at = b[16], 17
        seq = None
        if flags & 1:
            seq, at = unleb(b, at)
        base = struct.unpack_from("<q", b, at)[0]
        at += 8
        new = []
        while at < len(b):
            delta, at = unleb(b, at)
            n, at = unleb(b, at)
            base += delta
            new.append([base, b[at:at + n].decode()])
            at += n
        if flags & 2:
            now = max([time.time_ns()] + [o[0] for o in s.obs[-1:]])
            new = [[now, v] for _, v in new]
        if not s.own:
            raise Refused("denied", "%s is not this node's own" % s.id)
        if seq is not None and seq != len(s.obs):
            there = s.obs[seq:seq + len(new)]
            if len(there) != len(new) or any(a[1] != b[1] or (a[0] != b[0] and not flags & 2)
                                             for a, b in zip(there, new)):
                raise Refused("conflict", "the stream has %d observations" % len(s.obs))
            first, new = seq, there
        else:
            if s.obs and new[0][0] < s.obs[-1][0]:
                raise Refused("invalid", "time %d is before the last, %d" % (new[0][0], s.obs[-1][0]))
            first = len(s.obs)
            s.obs += new
        self.send(frame(PUBLISHED, leb(id) + leb(first) + leb(len(new)) +
                        struct.pack("<qq", new[0][0], new[-1][0])))
        self.node.pump()

    # ---- methods ----

    def do_ping(self, id, r):
        return {}

    def do_status(self, id, r):
        return {"node": NODE, "nonce": "00" * 16, "agent": "fakenode/1", "name": "fake", "now": str(time.time_ns()),
                "uptime_ms": 3723000, "streams": len(self.node.streams), "own": 1, "subscriptions": 0, "sessions": 1,
                "follows": len(self.follows)}

    def do_streams(self, id, r):
        after, limit = r.get("after", ""), min(r.get("limit", 256), self.node.page)
        rest = sorted((s for s in self.node.streams if s.id > after), key=lambda s: s.id)
        return {"streams": [s.describe() for s in rest[:limit]], "more": len(rest) > limit}

    def do_create(self, id, r):
        d = r["descriptor"]
        s = Stream(d["source"], d["stream"], d.get("target", ""), meta=d.get("meta"))
        old = [x for x in self.node.streams if x.id == s.id]
        if not old:
            self.node.streams.append(s)
        return {"stream": s.id, "descriptor": s.descriptor, "created": not old}

    def do_head(self, id, r):
        return self.node.find(r["stream"]).describe()

    def do_at(self, id, r):
        s = self.node.find(r["stream"])
        for seq in range(len(s.obs) - 1, -1, -1):
            if s.obs[seq][0] <= int(r["time"]):
                return {"seq": seq, "time": str(s.obs[seq][0]), "value": json.loads(s.obs[seq][1])}
        raise Refused("not-found", "the stream has no observation that early")

    def do_follow(self, id, r):
        s = self.node.find(r["stream"])
        first = r.get("from", 0)
        if "from_time" in r:
            first = sum(t < int(r["from_time"]) for t, _ in s.obs)
        if r.get("now"):
            first = len(s.obs)
        until = r.get("until")
        if "until_time" in r:
            until = sum(t < int(r["until_time"]) for t, _ in s.obs)
            until = until if until < len(s.obs) else None
        self.follows[id] = [s, first, until, r.get("credit", 262144), None]
        return {"stream": s.id, "from": first, "count": len(s.obs), "live": True}

    def do_unfollow(self, id, r):
        if self.follows.pop(r["follow"], None) is None:
            raise Refused("not-found", "there is no such follow")
        return {}

    def do_subscribe(self, id, r):
        known = [s for s in self.node.streams if r["stream"] in (s.id, s.name())]
        return {"stream": known[0].id if known else None, "added": not known or not known[0].subscribed}

    def do_unsubscribe(self, id, r):
        return {"removed": False}

    def do_verify(self, id, r):
        s = self.node.find(r["stream"])
        return {"stream": s.id, "count": len(s.obs), "blocks": -(-len(s.obs) // 256), "ok": True, "damaged": []}

    def do_peers(self, id, r):
        return {"peers": [{"address": "tcp://127.0.0.1:24600", "node": "cd" * 32, "agent": "runneld/0.1.0",
                           "dialled": True, "state": "open", "since": str(time.time_ns() - 65 * 10**9),
                           "follows_in": 1, "follows_out": 2, "received": 1536, "sent": 3 << 20}]}

    def do_plugins(self, id, r):
        return {"plugins": [{"kind": "storage", "name": "memory", "version": "0.1.0", "abi": "1.0",
                             "summary": "keeps everything in memory", "from": "/x/memory.so"}],
                "instances": [{"kind": "storage", "name": "main", "plugin": "memory", "addresses": []}]}

    # ---- follows ----

    def pump(self):
        for id, f in list(self.follows.items()):
            s, until = f[0], f[2]
            end = len(s.obs) if until is None else min(until, len(s.obs))
            while f[1] < end and f[3] > 0:
                upto = min(end, (f[1] // 256 + 1) * 256)
                base = s.obs[f[1]][0] if f[1] % 256 == 0 else s.obs[f[1] - 1][0]
                run = s.obs[f[1]:upto]
                f[3] -= sum(len(v.encode()) + 2 for _, v in run)
                self.data(id, f[1], base, run)
                f[1] = upto
            if until is not None and f[1] >= until:
                del self.follows[id]
                self.send_json(STATE, id, {"end": "done", "next": f[1]})
            elif f[1] == len(s.obs) and not f[4]:
                f[4] = True
                self.send_json(STATE, id, {"live": True, "next": f[1]})


class FakeNode:
    def __init__(self, path):
        self.path = path
        self.streams, self.script, self.seen, self.hellos, self.sessions = [], {}, [], [], []
        self.chunk, self.page = 0, 256
        self.lock = threading.RLock()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def address(self):
        return "unix://" + self.path

    def accept(self):
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            s = Session(self, sock)
            self.sessions.append(s)
            threading.Thread(target=self.run, args=(s,), daemon=True).start()

    def run(self, s):
        try:
            s.serve()
        except OSError:
            pass
        s.follows = {}
        s.sock.close()

    def find(self, text):
        for s in self.streams:
            if text in (s.id, s.name()):
                return s
        raise Refused("not-found", "no stream %s is known here" % text)

    def find_raw(self, raw):
        for s in self.streams:
            if s.raw == raw:
                return s
        raise Refused("not-found", "no such stream is known here")

    def pump(self):
        with self.lock:
            for s in self.sessions:
                if s.follows:
                    s.pump()

    def stop(self):
        self.server.close()
        os.unlink(self.path)


if __name__ == "__main__":
    node = FakeNode(sys.argv[1])
    threading.Event().wait()
