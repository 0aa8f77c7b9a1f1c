"""A client with two uplinks, and an application that notes when it was answered.

                 eth0 10.1.0.2 ── 10.1.0.1 first  10.77.0.1 ── 10.77.0.2 eth0
    client                                                                     server 10.99.0.2, .3
                 eth1 10.2.0.2 ── 10.2.0.1 second 10.78.0.1 ── 10.78.0.2 eth1         fd99::2, ::3

Both routers are the strict one of conftest.py; besides they take no connection that they have not
seen begin (nf_conntrack_tcp_loose=0), so that nobody tells a client that moved that its connection
is lost: it has to notice by itself. The server's addresses are on its loopback device.
"""

import time

from conftest import World, connect, laboratory, make_strict

SERVERS4 = ("10.99.0.2", "10.99.0.3")
SERVERS6 = ("fd99::2", "fd99::3")

# What an application does that never gives up: one socket, a datagram every 20 ms, and a line for
# each answer: when it was asked, and when it was answered.
APPLICATION = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 6000))
s.connect(("127.0.0.1", 5000))
s.settimeout(0.02)
while True:
    asked = time.monotonic()
    try:
        s.send(b"%f what is the time over there?" % asked)
        while True:
            answer = s.recv(2000).split()[0]
            print(answer.decode(), time.monotonic(), flush=True)
    except OSError:
        time.sleep(max(0, asked + 0.02 - time.monotonic()))
"""


class Application:
    """The application, running on a host."""

    def __init__(self, host):
        self.process = host.start("/usr/bin/python3", "-c", APPLICATION)

    def answers(self):
        """(asked, answered) of each answer so far."""
        lines = self.process.log().splitlines(keepends=True)
        return [tuple(map(float, line.split())) for line in lines if line.endswith("\n")]

    def wait_for_answer(self, since):
        """Wait until an answer has come to what was asked after `since`; how long that took is told,
        and not judged."""
        end = time.monotonic() + laboratory.PATIENCE
        while time.monotonic() < end:
            found = [answered for asked, answered in self.answers() if asked >= since]
            if found:
                print(f"back after {found[0] - since:.2f} s")
                return
            time.sleep(0.05)
        raise AssertionError(f"no answer within {laboratory.PATIENCE} s")


def add_default_routes(client, device, number, metric):
    client.ip("route", "add", "default", "via", f"10.{number}.0.1", "dev", device, "metric", metric)
    client.ip("-6", "route", "add", "default", "via", f"fd0{number}::1", "dev", device, "metric",
              metric)


def connect_uplink(lab, world, router, number):
    """The client and the server through one of the routers."""
    device = f"eth{number - 1}"
    connect(lab, router, world.client, ("inner", device), f"10.{number}.0.", f"fd0{number}::")
    connect(lab, router, world.server, ("outer", device), f"10.{76 + number}.0.",
            f"fd{76 + number}::")
    for address in SERVERS4:
        router.ip("route", "add", address, "via", f"10.{76 + number}.0.2")
    for address in SERVERS6:
        router.ip("-6", "route", "add", address, "via", f"fd{76 + number}::2")
    make_strict(router)
    router.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
    add_default_routes(world.client, device, number, 100 * number)


def make_world(lab):
    world = World(lab, lab.host("client"), lab.host("server"), lab.host("first"))
    world.second = lab.host("second")
    for address in SERVERS4:
        world.server.ip("addr", "add", address, "dev", "lo")
    for address in SERVERS6:
        world.server.ip("addr", "add", address, "dev", "lo", "nodad")
    connect_uplink(lab, world, world.router, 1)
    connect_uplink(lab, world, world.second, 2)
    return world
