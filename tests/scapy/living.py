"""A running ftun as the wire of hostile sessions (tools/hostile/session.py)."""

import contextlib
import select
import socket
import time

from scapy.layers.inet import TCP

import session
from conftest import ONE_WORKER, Echoes, e2e
from tun import PATIENCE, Tun, inside


class LivingServer:
    """The wire of sessions with a running server: each has an address of its own, so that none
    meets what another left behind."""

    role = "server"
    # Where answers to hostile peers end, silently.
    NOWHERE = ("10.66.0.0/16", "192.0.2.0/24", "2001:db8::/32")

    def __init__(self, tun):
        self.tun = tun
        self.ears = tun.listen()
        self.number = 0
        self.claims = []

    @classmethod
    def prepare(cls, host):
        for network in cls.NOWHERE:
            host.ip("-6" if ":" in network else "-4", "route", "add", "blackhole", network)

    def addresses(self, family):
        self.number += 1
        self.claims = []
        if family == 6:
            return self.tun.ipv6, f"2001:db8:66::{self.number:x}"
        return self.tun.ipv4, f"10.66.{self.number >> 8}.{self.number & 255}"

    @staticmethod
    def new_port():
        return 40000

    def send(self, packet, claimed):
        self.claims.append(claimed)
        self.tun.send(packet)

    def application_sends(self, payload):
        raise NotImplementedError("a server's application answers only")

    def receive(self, played, flags, payload, _options):
        """Wait for our segment with these flags and this payload; returns its sequence number."""
        awaited, handlers = Awaited(played, flags, payload), self.handlers()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for ready in select.select([self.ears, *handlers], [], [], PATIENCE)[0]:
                if ready is not self.ears:
                    handlers[ready]()
                    continue
                found = awaited.in_packet(self.ears.recv(65536))
                if found:
                    sequence, played.our_port = found
                    return sequence
        raise AssertionError(f"ftun sent no {flags} with {payload}")

    def handlers(self):
        """What to do meanwhile when a socket is readable."""
        return {}

    def forget(self):
        """Throw away what ftun has written up to now."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.ears.recv(65536, socket.MSG_DONTWAIT)

    def close(self):
        self.ears.close()
        self.tun.close()

    def barrier(self):
        """Until ftun has dealt with all that was sent. Returns how many probes it took."""
        return 1 + self.tun.await_answer(self.tun.probe())


class LivingClient(LivingServer):
    """The same with a running client: the hostile peer takes its server's part in all connections
    that begin from now on, as their SYNs do not leave the host."""

    role = "client"
    NEW_CONNECTIONS_STAY = """
    table inet hostile {
        chain forward {
            type filter hook forward priority -10; policy accept;
            ct state new,invalid drop
        }
    }
    """

    def __init__(self, tun, host, server):
        super().__init__(tun)
        self.host, self.server = host, server
        self.application = None

    @classmethod
    def prepare(cls, host):
        super().prepare(host)
        host.nft(cls.NEW_CONNECTIONS_STAY)

    def addresses(self, family):
        self.number += 1
        self.claims = []
        return self.tun.ipv4, self.server

    def application_sends(self, payload):
        """From a new application, which echoes what it receives."""
        if self.application:
            self.application.close()
        with inside(self.host):
            self.application = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.application.connect(("127.0.0.1", 5000))
        self.application.send(payload)

    def handlers(self):
        return {self.application: lambda: self.application.send(self.application.recv(65536))}

    def barrier(self):
        probes = super().barrier()
        self.claims += [session.claim("not-ours-flow")] * probes
        return probes


class Awaited:
    """Finds our segment of a session among all that ftun writes: its sequence number and source
    port. Two datagrams may leave as one super-segment."""

    def __init__(self, played, flags, payload):
        self.played, self.flags, self.payload = played, flags, payload
        family, self.header = (socket.AF_INET6, 40) if played.family == 6 else (socket.AF_INET, 20)
        self.destination = socket.inet_pton(family, played.them)

    def in_packet(self, packet):
        """Looks at raw bytes first: most of what comes is the live traffic's."""
        at = self.header
        port = int.from_bytes(packet[at + 2:at + 4], "big")
        if packet[at - len(self.destination):at] != self.destination or (
                port != self.played.their_port):
            return None
        tcp = TCP(packet[at:])
        if self.flags != "S" and tcp.sport != self.played.our_port:
            return None
        found = bytes(tcp.payload).find(self.payload)
        if found < 0 or str(tcp.flags).replace("P", "") != self.flags.replace("P", ""):
            return None
        if "S" in self.flags and "A" in self.flags and tcp.ack != self.played.seq % 2**32:
            return None  # to another SYN
        return tcp.seq + found, tcp.sport


def living_client(world):
    """A client at work beside a server: ftun, its live traffic, and the wire to it."""
    world.start_server()
    ftun = world.start_client(*ONE_WORKER)
    world.start_sink("--echo")
    echoes = Echoes(world)
    ftun.wait_for("flow 1 established")
    LivingClient.prepare(world.client)
    return ftun, echoes, LivingClient(Tun(world.client, ftun), world.client, e2e.SERVER4)
