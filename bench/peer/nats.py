# SPDX-License-Identifier: MIT
"""nats.py — nats-server, from the distribution; JetStream on request, its streams made over the wire.
May touch: a folder of its own; a server on a free loopback port."""
import json
import os
import socket

from process import DEADLINE, Failed, Server, answers, free_port, need as need_program


def need(_):
    need_program("nats-server")


class Nats(Server):
    """jetstream: streams kept in files. `more`: lines of its config (a leaf node, a domain)."""

    name = "nats"
    proto = "nats"

    def __init__(self, env, label="nats", jetstream=True, more=""):
        super().__init__(env, label)
        self.port = free_port()
        self.address = self.tcp = "tcp://127.0.0.1:%d" % self.port
        self.config = os.path.join(self.folder, "nats.conf")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write('server_name: "%s"\nhost: "127.0.0.1"\nport: %d\n%s\n' % (label, self.port, more))
            if jetstream and "jetstream" not in more:
                f.write('jetstream { store_dir: "%s", max_file_store: 100G }\n' % os.path.join(self.folder, "data"))
        self.start()

    def start(self):
        self.launch(need_program("nats-server"), "-c", self.config)
        self.wait(lambda: answers(self.port), "answers")

    def request(self, subject, payload=b""):
        """One request, its answer's bytes."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE) as s, s.makefile("rb") as f:
            s.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB _INBOX.bench 1\r\n'
                      b"PUB %s _INBOX.bench %d\r\n%s\r\n" % (subject.encode(), len(payload), payload))
            while True:
                line = f.readline()
                if line.startswith(b"MSG "):
                    return f.read(int(line.split()[-1]))
                if line.startswith(b"PING"):
                    s.sendall(b"PONG\r\n")
                elif not line or line.startswith(b"-ERR"):
                    raise Failed("nats says: %s" % line.decode().strip())

    def api(self, method, **body):
        """A request of the JetStream API; an error is a failure."""
        answer = json.loads(self.request("$JS.API." + method, json.dumps(body).encode()))
        if "error" in answer:
            raise Failed("JetStream, %s: %s" % (method, answer["error"].get("description", answer["error"])))
        return answer

    def create(self, *names, **more):
        """Streams kept in files, each with the subject of its name."""
        for name in names:
            config = dict({"name": name, "subjects": [name], "storage": "file", "retention": "limits"}, **more)
            self.api("STREAM.CREATE." + name, **config)
        return list(names)

    def count(self, stream):
        return self.api("STREAM.INFO." + stream)["state"]["messages"]
