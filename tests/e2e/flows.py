#!/usr/bin/python3
"""Applications with flows of each shape; both ends look at every datagram.

    flows.py serve ADDRESS PORT [HEARD]
    flows.py up|down|both ADDRESS PORT COUNT SIZE RATE [BURST [HEARD]]

up: the server never answers. down: the client only asks. both: each datagram is echoed. A client
opens its flow with a datagram every LEAD_IN seconds, and begins when it is told to by SIGUSR1. COUNT
datagrams of SIZE bytes, RATE a second; with BURST so many in one call, which the kernel cuts. At RATE
0 one flow up and one down send as fast as the far end receives: how far it has come it tells by the
file HEARD, not by the path, and what is under way has room in each queue. The
server takes any number of flows, prints "up" flows at its end; clients print what came back, when
nothing more comes. Figures: `received` datagrams, among them `late` (after a
later one) and `corrupted`; `lost`: as many are missing between the first and the last received.
"""

import dataclasses
import ipaddress
import json
import mmap
import select
import signal
import socket
import struct
import sys
import time

HEADER = struct.Struct("!4sIIIII")  # kind, number; and of the flow: count, size, rate, burst
UDP_SEGMENT = 103
SILENCE = 1  # seconds, and twice the time between two bursts
LATE = 0.3  # seconds after a flow's last datagram
LEAD_IN = 0.05
AT_A_TURN = 64  # datagrams received before the next are sent
FIRST_WINDOW, WINDOW = 40, 120  # datagrams under way at rate 0: at first, as TCP's; and at most
GIVEN_UP = 2  # seconds after which what is under way at rate 0 passes for lost
TICK = 0.002  # seconds between two sends
FILLER = bytes(i * 31 % 251 for i in range(70000))


@dataclasses.dataclass
class Shape:
    kind: bytes
    count: int
    size: int
    rate: int
    burst: int

    def datagram(self, number):
        header = HEADER.pack(self.kind, number, self.count, self.size, self.rate, self.burst)
        return header + FILLER[number % 251:number % 251 + self.size - len(header)]


def parse(datagram):
    kind, number, *shape = HEADER.unpack_from(datagram)
    return number, Shape(kind, *shape)


@dataclasses.dataclass
class Tally:
    first: int = 0
    last: int = -1
    received: int = 0
    late: int = 0
    corrupted: int = 0

    def take(self, datagram):
        number, shape = parse(datagram)
        self.first = number if self.received == 0 else min(self.first, number)
        self.received += 1
        self.late += number <= self.last
        self.last = max(self.last, number)
        self.corrupted += datagram != shape.datagram(number)

    def figures(self):
        lost = self.last - self.first + 1 - self.received
        return {**dataclasses.asdict(self), "lost": lost}


class Heard:
    """How many datagrams the receivers of one flow up and one down have heard of: those before the
    last that came, lost or not. One more than there are when they know that it was the last."""

    KINDS = (b"up", b"down")

    def __init__(self, path):
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 4 * len(self.KINDS))

    def note(self, kind, count):
        struct.pack_into("I", self.memory, 4 * self.KINDS.index(kind), count)

    def of(self, kind):
        return struct.unpack_from("I", self.memory, 4 * self.KINDS.index(kind))[0]

    def take(self, kind, datagram):
        """Note what this one says; true when it is one of the flow."""
        number, shape = parse(datagram)
        ends = shape.kind.startswith(b"end")
        self.note(kind, max(self.of(kind), shape.count + 1 if ends else number + 1))
        return not ends


class Sender:
    """Sends the datagrams of a flow, as time passes or as the far end hears of them."""

    def __init__(self, sock, peer, shape, heard=None):
        self.sock, self.peer, self.shape = sock, peer, shape
        self.begun, self.sent = time.monotonic(), 0
        self.heard = heard if shape.rate == 0 else None
        self.base, self.moved, self.ended = 0, self.begun, 0

    def done(self):
        if self.heard:
            return self.heard.of(self.shape.kind) > self.shape.count
        return self.sent == self.shape.count

    def send_due(self):
        due = self.due()
        while self.sent < self.shape.count:
            burst = min(self.shape.burst, self.shape.count - self.sent)
            if self.sent + (burst if self.heard else 1) > due:
                break
            self.send(b"".join(map(self.shape.datagram, range(self.sent, self.sent + burst))))
            self.sent += burst
        if self.heard and self.sent == self.shape.count:
            self.say_the_end()

    def due(self):
        now = time.monotonic()
        if not self.heard:
            return int((now - self.begun) * self.shape.rate) + 1
        heard = self.heard.of(self.shape.kind)
        if heard > self.base:
            self.base, self.moved = heard, now
        elif now > self.moved + GIVEN_UP:
            self.base, self.moved = self.sent, now
        return self.base + min(FIRST_WINDOW + self.base, WINDOW)

    def say_the_end(self):
        """Again and again: it may be lost. What was sent before it comes before it, or never."""
        if not self.done() and time.monotonic() > self.ended + LEAD_IN:
            self.ended = time.monotonic()
            self.send(Shape(b"end", self.shape.count, HEADER.size, 0, 1).datagram(0))

    def send(self, data):
        cut = [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("H", self.shape.size))]
        try:
            self.sock.sendmsg([data], cut if len(data) > self.shape.size else [], 0, self.peer)
        except (BlockingIOError, ConnectionRefusedError):
            pass  # lost, as UDP may be


def udp_socket(address):
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option + 25, 16 << 20)  # ..BUFFORCE
    sock.setblocking(False)
    return sock


def received(sock):
    """What has arrived by now, with its source."""
    for _ in range(AT_A_TURN):
        try:
            yield sock.recvfrom(65535)
        except BlockingIOError:
            return
        except ConnectionRefusedError:
            pass


def serve(address, port, heard):
    sock = udp_socket(address)
    sock.bind((address, port))
    ups, senders = {}, {}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print("ready", flush=True)
    try:
        while True:
            busy = any(not sender.done() for sender in senders.values())
            select.select([sock], [], [], TICK if busy else None)
            for datagram, peer in received(sock):
                answer(sock, peer, datagram, ups, senders, heard)
            for sender in senders.values():
                sender.send_due()
    finally:
        print(json.dumps([tally.figures() for tally in ups.values()]), flush=True)


def answer(sock, peer, datagram, ups, senders, heard):  # pylint: disable=too-many-arguments
    shape = parse(datagram)[1]
    if shape.kind == b"lead":
        return
    if shape.kind == b"both":
        sock.sendto(datagram, peer)
    elif shape.kind == b"down":
        senders.setdefault(peer, Sender(sock, peer, shape, heard))
    elif shape.rate > 0 or heard.take(b"up", datagram):
        ups.setdefault(peer, Tally()).take(datagram)


def ask(sock, peer, shape):
    """Until the first datagram has come: the question may be lost."""
    for _ in range(20):
        sock.sendto(shape.datagram(0)[:HEADER.size], peer)
        if select.select([sock], [], [], 0.5)[0]:
            return


def lead_in(sock, peer):
    signals = {signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    while True:
        sock.sendto(Shape(b"lead", 1, HEADER.size, 1, 1).datagram(0), peer)
        if signal.sigtimedwait(signals, LEAD_IN):
            return


def talk(address, port, shape, heard):
    sock, tally = udp_socket(address), Tally()
    lead_in(sock, (address, port))
    sender = Sender(sock, (address, port), shape, heard)
    if shape.kind == b"down":
        sender.sent = shape.count
        ask(sock, sender.peer, shape)
    ends = shape.kind == b"up" or shape.rate == 0
    silence = 0 if ends else SILENCE + 2 * shape.burst / shape.rate
    while not sender.done() or select.select([sock], [], [], silence)[0]:
        if shape.kind != b"down":
            sender.send_due()
        for datagram, _ in received(sock):
            if shape.rate > 0 or heard.take(b"down", datagram):
                tally.take(datagram)
        if tally.last == shape.count - 1:
            silence = LATE
        if not sender.done():
            select.select([sock], [], [], TICK)
    print(json.dumps(tally.figures()))


def main(kind, address, port, *shape):
    if kind == "serve":
        serve(address, int(port), Heard(shape[0]) if shape else None)
    else:
        figures = Shape(kind.encode(), *map(int, (*shape, 1)[:4]))
        talk(address, int(port), figures, Heard(shape[4]) if shape[4:] else None)


if __name__ == "__main__":
    main(*sys.argv[1:])
