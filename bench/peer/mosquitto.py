# SPDX-License-Identifier: MIT
"""mosquitto.py — mosquitto, from the distribution: MQTT at QoS 0, nothing kept, no delay, no limit that drops.
May touch: a folder of its own; a server on a free loopback port."""
import os

from process import Server, answers, free_port, need as need_program


def need(_):
    need_program("mosquitto")


class Mosquitto(Server):
    name = "mosquitto"
    proto = "mqtt"

    def __init__(self, env, label="mosquitto"):
        super().__init__(env, label)
        self.port = free_port()
        self.address = self.tcp = "tcp://127.0.0.1:%d" % self.port
        self.config = os.path.join(self.folder, "mosquitto.conf")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write("listener %d 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
                    "max_queued_messages 0\nmax_queued_bytes 0\nmax_inflight_messages 0\n" % self.port)
        self.start()

    def start(self):
        self.launch(need_program("mosquitto"), "-c", self.config)
        self.wait(lambda: answers(self.port), "answers")
