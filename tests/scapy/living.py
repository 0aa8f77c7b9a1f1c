"""A running ftun as the wire of hostile sessions (tools/hostile/session.py), and what it counts."""

import contextlib
import ctypes
import os
import pathlib
import re
import select
import signal
import socket
import struct
import time

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6

from session import claim

ETH_P_ALL = 3
CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE = 33
SO_ATTACH_FILTER = 26
PACKET_OUTGOING = 4
BATCH = 128          # packets: two batches may wait in the TUN's queue of 1000
PATIENCE = 10.0      # seconds
PROBE = "10.66.255.254"
PROBE_AGAIN = 0.01   # seconds
ROOT = pathlib.Path(__file__).resolve().parents[2]

_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def inside(host):
    """Sockets made in the block belong to the host's network namespace."""
    def enter(path):
        with open(path, "rb") as namespace:
            if _libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"cannot enter {path}")
    own = f"/proc/{os.getpid()}/task/{os.getpid()}/ns/net"
    with open(own, "rb") as home:
        enter(f"/run/netns/{host.netns}")
        try:
            yield
        finally:
            _libc.setns(home.fileno(), CLONE_NEWNET)


def accept_only(destination):
    """A socket filter: IPv4 packets to this address (struct sock_fprog, linux/filter.h)."""
    program = b"".join((struct.pack("HBBI", 0x20, 0, 0, 16),  # load the destination
                        struct.pack("HBBI", 0x15, 0, 1, int.from_bytes(
                            socket.inet_aton(destination), "big")),
                        struct.pack("HBBI", 0x06, 0, 0, 65535), struct.pack("HBBI", 0x06, 0, 0, 0)))
    code = ctypes.create_string_buffer(program, len(program))
    return struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code)), code


class Tun:
    """Both ends of ftun's TUN: what is sent here ftun reads, what ftun writes is received here."""

    def __init__(self, host, ftun):
        self.ftun = ftun
        found = re.search(r"(\S+) is up: ([0-9.]+)(?:, ([0-9a-f]*:[0-9a-f:]+))?", ftun.log())
        self.device, self.ipv4, self.ipv6 = found.groups()
        with inside(host):
            self.out = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
            self.back = self.listen()
            self.answers = self.listen(PROBE)
        self.statistics = open(f"/proc/{ftun.pid}/net/dev", "rb", buffering=0)
        self.probes = 0

    def listen(self, destination=None):
        listener = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        listener.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        if destination:
            program, _code = accept_only(destination)
            listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        listener.bind((self.device, ETH_P_ALL))
        return listener

    def close(self):
        for thing in (self.out, self.back, self.answers, self.statistics):
            thing.close()

    def read_by_ftun(self):
        """Packets that ftun has read from the TUN, and packets that were dropped before."""
        self.statistics.seek(0)
        text = self.statistics.read(65536).decode()
        columns = re.search(rf"{self.device}:(.*)", text)[1].split()
        return int(columns[9]), int(columns[11])

    def send(self, packet):
        self.out.sendto(packet, (self.device, 0x86dd if packet[:1] >= b"\x60" else 0x0800))

    def probe(self):
        """A stranger's SYN, which ftun answers: a server by SYN-ACK, a client by RST. Returns what
        the answer acknowledges."""
        self.probes += 1
        self.send(bytes(IP(src=PROBE, dst=self.ipv4) / TCP(
            sport=1024 + self.probes % 60000, dport=4567, flags="S", seq=self.probes)))
        return self.probes + 1

    def await_answer(self, acknowledgment):
        """Until ftun has answered this probe or a later one, and so has read what was sent before,
        for it reads in order. Answers to strangers are limited: returns how many more probes it
        took."""
        end = time.monotonic() + PATIENCE
        again = 0
        while time.monotonic() < end:
            if select.select([self.answers], [], [], PROBE_AGAIN)[0]:
                packet = self.answers.recv(65536)
                if struct.unpack_from("!I", packet, 28)[0] >= acknowledgment:
                    return again
            else:
                self.probe()
                again += 1
        raise AssertionError("ftun answers no probe any more")

    def send_all(self, packets):
        """As fast as ftun reads: the kernel's queue never runs over, for that would lose live
        traffic, and prove nothing about ftun. Returns how many."""
        count, last = 0, None
        for packet in packets:
            self.send(packet)
            count += 1
            if count % BATCH == 0:
                probe = self.probe()
                if last:
                    self.await_answer(last)
                last = probe
        return count

    def receive(self, wanted, deadline, also=()):
        """The first packet of ftun's that `wanted` finds something in; other sockets are given to
        their handlers meanwhile."""
        handlers = dict(also)
        while True:
            left = deadline - time.monotonic()
            assert left > 0, "ftun sent nothing of what was awaited"
            for ready in select.select([self.back, *handlers], [], [], left)[0]:
                if ready is not self.back:
                    handlers[ready]()
                    continue
                packet, address = self.back.recvfrom(65536)
                found = address[2] != PACKET_OUTGOING and wanted(packet)
                if found:
                    return found

    def forget(self):
        """Throw away what ftun has written up to now."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.back.recv(65536, socket.MSG_DONTWAIT)


class Counters:
    """What ftun logs of itself on SIGUSR1."""

    REFUSALS = set(re.findall(r'X\(\w+,\s*"([a-z-]+)"',
                              (ROOT / "src" / "core" / "refusal.h").read_text())) - {"none"}

    def __init__(self, ftun):
        self.ftun = ftun

    def _totals(self, log):
        return re.findall(r"total (\S+): (\d+)", log)

    def read(self):
        """All counters by name. Asked for twice, as the second answer's beginning tells that the
        first has ended."""
        seen = len(self.ftun.log())
        firsts = 0
        for wanted in (1, 2):
            self.ftun.send_signal(signal.SIGUSR1)
            end = time.monotonic() + PATIENCE
            while firsts < wanted:
                assert time.monotonic() < end and self.ftun.running(), self.ftun.log()[-2000:]
                time.sleep(0.002)
                totals = self._totals(self.ftun.log()[seen:])
                firsts = sum(name == totals[0][0] for name, _ in totals)
        names = [name for name, _ in totals]
        last = names.index(names[0], 1)
        return {name: int(count) for name, count in totals[:last]}


    def refusals(self, counts, but=()):
        return {name: count for name, count in counts.items()
                if name in self.REFUSALS and name not in but}


def growth(before, after):
    """What has been counted in between."""
    return {name: count - before.get(name, 0) for name, count in after.items()
            if count != before.get(name, 0)}


def resident(process):
    """Kilobytes of memory that a process has in RAM."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


class LivingServer:
    """The wire of sessions with a running server: each has an address of its own, so that none
    meets what another left behind."""

    role = "server"
    # Where answers to hostile peers end, silently.
    NOWHERE = ("10.66.0.0/16", "192.0.2.0/24", "2001:db8::/32")

    def __init__(self, tun):
        self.tun = tun
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

    def new_port(self):
        return 40000

    def send(self, packet, claim):
        self.claims.append(claim)
        self.tun.send(packet)

    def application_sends(self, payload):
        raise NotImplementedError("a server's application answers only")

    def receive(self, session, flags, payload, _options):
        """Wait for our segment with these flags and this payload; returns its sequence number."""
        found = self.tun.receive(Awaited(session, flags, payload), time.monotonic() + PATIENCE,
                                 self.handlers())
        sequence, session.our_port = found
        return sequence

    def handlers(self):
        return {}

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
        self.claims += [claim("not-ours-flow")] * probes
        return probes


class Awaited:
    """Finds our segment of a session among all that ftun writes: its sequence number and source
    port. Two datagrams may leave as one super-segment."""

    def __init__(self, session, flags, payload):
        self.session, self.flags, self.payload = session, flags, payload
        start, end = (40, 42) if session.family == 6 else (20, 22)
        family = socket.AF_INET6 if session.family == 6 else socket.AF_INET
        self.destination = socket.inet_pton(family, session.them)
        self.addressed = slice(start - len(self.destination), start)
        self.port = slice(end, end + 2)

    def __call__(self, packet):
        """Looks at raw bytes first: most of what comes is the live traffic's."""
        port = int.from_bytes(packet[self.port], "big")
        if packet[self.addressed] != self.destination or port != self.session.their_port:
            return None
        tcp = TCP(packet[self.addressed.stop:])
        if self.flags != "S" and tcp.sport != self.session.our_port:
            return None
        at = bytes(tcp.payload).find(self.payload)
        if at < 0 or str(tcp.flags).replace("P", "") != self.flags.replace("P", ""):
            return None
        if "S" in self.flags and "A" in self.flags and tcp.ack != self.session.seq % 2**32:
            return None  # to another SYN
        return tcp.seq + at, tcp.sport
