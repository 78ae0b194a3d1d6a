# SPDX-License-Identifier: MIT
"""spreaders.py — the servers that bench/load fans out with, played: Redis, core NATS, MQTT; each message to every reader.
May touch: a free loopback port."""
import contextlib
import socket
import socketserver
import threading

from tap import DEADLINE


class Spreader(socketserver.ThreadingTCPServer):
    """`with` it. lose(n) says whether message number n gets lost on its way to one reader."""
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, proto, lose=lambda n: False):
        self.lose, self.lock, self.readers, self.count = lose, threading.Lock(), [], 0
        super().__init__(("127.0.0.1", 0), {"redis": RedisSide, "nats": NatsSide, "mqtt": MqttSide}[proto])
        self.address = "tcp://127.0.0.1:%d" % self.server_address[1]
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join(DEADLINE)
        self.server_close()

    def spread(self, text):
        """In pieces, as messages come over a network."""
        with self.lock:
            readers = self.readers[1:] if self.lose(self.count) else self.readers
            self.count += 1
            for r in readers:
                r.sendall(text[:5])
                r.sendall(text[5:])
        return len(readers)


class Side(socketserver.StreamRequestHandler):
    def handle(self):
        self.request.settimeout(DEADLINE)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError, ValueError, EOFError):
            while True:
                self.take()

    def take(self):
        raise NotImplementedError

    def say(self, text):
        self.request.sendall(text)

    def need(self, n):
        data = self.rfile.read(n)
        if len(data) < n:
            raise EOFError
        return data

    def line(self):
        line = self.rfile.readline()
        if not line:
            raise EOFError
        return line

    def join(self, text):
        with self.server.lock:
            self.say(text)
            self.server.readers.append(self.request)


class RedisSide(Side):
    def take(self):
        words = [self.need(int(self.line()[1:]) + 2)[:-2] for _ in range(int(self.line()[1:]))]
        if words[0] == b"PING":
            self.say(b"+PONG\r\n")
        elif words[0] == b"SUBSCRIBE":
            self.join(b"*3\r\n$9\r\nsubscribe\r\n$%d\r\n%s\r\n:1\r\n" % (len(words[1]), words[1]))
        else:
            n = self.server.spread(b"*3\r\n$7\r\nmessage\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" %
                                   (len(words[1]), words[1], len(words[2]), words[2]))
            self.say(b":%d\r\n" % n)


class NatsSide(Side):
    def setup(self):
        super().setup()
        self.subject = None

    def take(self):
        words = self.line().split()
        if words[0] == b"SUB" and not words[1].startswith(b"_INBOX"):
            self.subject = words[1]
        elif words[0] == b"PING" and self.subject:
            self.join(b"PONG\r\n")
        elif words[0] == b"PING":
            self.say(b"PONG\r\n")
        elif words[0] == b"PUB":
            value = self.need(int(words[-1]) + 2)
            self.server.spread(b"MSG %s 2 %d\r\n%s" % (words[1], len(value) - 2, value))


class MqttSide(Side):
    def take(self):
        kind, length, shift = self.need(1)[0], 0, 0
        while True:
            c = self.need(1)[0]
            length |= (c & 127) << shift
            shift += 7
            if c < 128:
                break
        body = self.need(length)
        if kind == 0x10 and body[:7] == b"\0\4MQTT\4":
            self.say(b"\x20\2\0\0")
        elif kind == 0x82:
            self.join(b"\x90\3" + body[:2] + b"\0")
        elif kind == 0x30:
            self.server.spread(bytes((kind, length)) + body)
        else:
            raise ValueError(kind)
