# SPDX-License-Identifier: MIT
"""session.py [SECONDS [SEED]] — random and mutated frames at a daemon, abrupt ends; it must keep serving well-behaved
sessions, keep what it acknowledged, and end orderly. Prints the seed, which gives the same frames again.
May touch: a temporary folder; a daemon of its own."""
import os
import random
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../scenario"))
from tap import Failed, check, daemon, equal, main  # noqa: E402
from wire import (ANSWER, CREDIT, DATA, ERROR, HASHES, HEAD, HELLO, PUBLISH, PUBLISHED, REQUEST, STATE,  # noqa: E402
                  Wire, config, frame, hello, leb)

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
METHODS = ["ping", "status", "streams", "create", "head", "follow", "unfollow", "at", "nodes", "subscribe",
           "unsubscribe", "verify", "peers", "plugins", "no-such"]
EDGES = [0, 1, 2, 255, 256, 257, 1023, 1024, 1025, 65536, 2**31, 2**32, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1,
         2**64, -1, -2**63, -2**63 - 1]
TCP = ', "net": { "plugin": "tcp", "listen": "127.0.0.1:0" }'


class Fuzz:
    def __init__(self, ids):
        self.r = random.Random(SEED)
        self.ids = ids  # (text, 16 bytes) of streams that are there

    def number(self):
        r = self.r
        return r.choice([lambda: r.choice(EDGES), lambda: r.randrange(2000), lambda: r.randrange(-10, 10),
                         lambda: 10**9 + r.randrange(3000)])()

    def value(self):
        r = self.r
        return r.choice([self.number, lambda: str(self.number()), lambda: r.choice(self.ids)[0], lambda: True,
                         lambda: None, lambda: [self.number()], lambda: {"a": 1}, lambda: 1.5, lambda: "x" * r.randrange(300),
                         lambda: "ab" * 32 + "/s/t/", lambda: {"source": "f", "stream": str(r.randrange(30)), "target": ""}])()

    def request(self):
        r = self.r
        o = {"method": r.choice(METHODS)}
        if r.random() < 0.9:
            o["stream"] = r.choice(self.ids)[0]
        for key in ("from", "until", "credit", "count", "level", "n", "follow", "limit"):
            if r.random() < 0.35:
                o[key] = self.number()
        for key in ("from_time", "until_time", "time"):
            if r.random() < 0.3:
                o[key] = str(self.number())
        if o["method"] == "create":
            o["descriptor"] = {"source": "f", "stream": str(r.randrange(30)), "target": ""}
        if r.random() < 0.2:
            o[r.choice(["stream", "from", "heads", "now", "after", "descriptor", "credit"])] = self.value()
        if r.random() < 0.3:
            o["heads"] = r.random() < 0.5
        return frame(REQUEST, leb(r.randrange(1, 40)) + repr_json(o))

    def entries(self):
        r = self.r
        out = b""
        for _ in range(r.choice([0, 1, 1, 3, 300])):
            v = r.choice([b"1", b"-0.5e9", b'"x"', b"{}", b"[1,2]", b"nul", b"", b" 1", b'"' + b"y" * r.randrange(400) + b'"'])
            out += leb(r.choice([0, 0, 1, 2**63, 2**64 - 1]) if r.random() < 0.05 else r.randrange(2)) + leb(len(v)) + v
        return out

    def publish(self):
        r = self.r
        flags = r.choice([0, 0, 1, 2, 3, 4])
        base = r.choice([0, 10**9, 2 * 10**9, -2**63, 2**63 - 1]) if flags < 2 else 0
        body = leb(r.randrange(0 if r.random() < 0.05 else 1, 40)) + r.choice(self.ids)[1] + bytes([flags])
        if flags & 1:
            body += leb(max(0, self.number()) & (2**64 - 1))
        return frame(PUBLISH, body + struct.pack("<q", base) + self.entries())

    def other(self):
        r = self.r
        kind = r.choice([HELLO, ANSWER, ERROR, PUBLISHED, DATA, HEAD, STATE, HASHES, 0, 12, 255])
        return frame(kind, leb(r.randrange(40)) + r.randbytes(r.randrange(60)))

    def credit(self):
        return frame(CREDIT, leb(self.r.randrange(1, 40)) + leb(max(0, self.number()) & (2**64 - 1)))

    def mutate(self, data):
        r, b = self.r, bytearray(data)
        for _ in range(r.randrange(1, 4)):
            at = r.randrange(len(b))
            what = r.randrange(4)
            if what == 0:
                b[at] ^= 1 << r.randrange(8)
            elif what == 1:
                b[at:at] = r.randbytes(r.randrange(1, 9))
            elif what == 2 and len(b) > 9:
                del b[at:at + r.randrange(1, 9)]
            else:
                b[at] = r.choice([0, 1, 0x7F, 0x80, 0xFF])
        if r.random() < 0.7 and len(b) > 5:  # the length fits, so that what is behind it is looked at
            b[0:4] = struct.pack("<I", min(len(b) - 4, 65536))
        return bytes(b)

    def some(self):
        """What one session sends."""
        r = self.r
        out = [hello() if r.random() < 0.7 else hello(b',"node":"%s","nonce":"%s"' % (b"ab" * 32, b"01" * 16))]
        wild = r.random() < 0.6
        for _ in range(r.randrange(1, 60)):
            f = r.choices([self.request, self.publish, self.credit, self.other],
                          [10, 5, 3, 0.3 if wild else 0])[0]()
            out.append(self.mutate(f) if wild and r.random() < 0.08 else f)
        if r.random() < 0.05:
            out[0] = self.mutate(out[0])
        return b"".join(out)


def repr_json(o):
    import json
    return json.dumps(o).encode()


def session(fuzz, connect):
    """Sends, reads a little or nothing, ends at any point."""
    r = fuzz.r
    data = fuzz.some()
    if r.random() < 0.3:
        data = data[:r.randrange(len(data) + 1)]
    with connect() as s:
        s.settimeout(5)
        try:
            while data:
                n = r.choice([1, 3, 100, len(data)])
                s.sendall(data[:n])
                data = data[n:]
            if r.random() < 0.3:
                s.shutdown(socket.SHUT_WR)
            for _ in range(r.randrange(4)):
                s.settimeout(0.01)
                if not s.recv(65536):
                    break
            if r.random() < 0.3:  # a reset in place of an end
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:  # the node has ended it: as it may
            pass


def sessions(f):
    print("# seed %d" % SEED)
    with daemon(config(f, "a", TCP), f) as d:
        port = int(d.wait_log(r"ready, at.*tcp://127\.0\.0\.1:(\d+)").group(1))

        def unix():
            s = socket.socket(socket.AF_UNIX)
            s.connect(f + "/a.sock")
            return s

        with Wire(f + "/a.sock") as w:
            kept, raw = w.create("kept")
            base = w.publish(raw, 10**9, [b"%d" % i for i in range(700)])
            fuzz = Fuzz([(kept, bytes(16)), *(w.create(str(i)) for i in range(4))])
            n = 0
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                session(fuzz, unix if fuzz.r.random() < 0.8 else
                        lambda: socket.create_connection(("127.0.0.1", port)))
                n += 1
                if n % 50 == 0:
                    if d.process.poll() is not None:
                        raise Failed("the daemon has ended after %d sessions:\n%s" % (n, d.log()[-6000:]))
                    base = w.publish(raw, base, [b"0"])
            check(n > 10, "only %d sessions" % n)
            print("# %d sessions" % n)
            got = w.ask("verify", stream=kept)
            equal((got["ok"], got["count"]), (True, base - 10**9), got)
            for id, _ in fuzz.ids:
                check(w.ask("verify", stream=id)["ok"], id)
        equal(d.stop(), 0, d.log()[-6000:])
        check("runtime error" not in d.log(), d.log()[-6000:])


main([sessions])
