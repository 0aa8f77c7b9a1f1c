#!/usr/bin/python3
"""Applications with flows of each shape; both ends look at every datagram.

    flows.py serve ADDRESS PORT
    flows.py up|down|both ADDRESS PORT COUNT SIZE RATE [BURST]

up: the server never answers. down: the client only asks. both: each datagram is echoed. A client
opens its flow with a datagram every LEAD_IN seconds, and begins when it is told to by SIGUSR1. COUNT
datagrams of SIZE bytes, RATE a second; with BURST so many in one call, which the kernel cuts. The
server takes any number of flows, prints "up" flows at its end; clients print what came back, when
nothing more comes. Figures: `received` datagrams, among them `late` (after a
later one) and `corrupted`; `lost`: as many are missing between the first and the last received.

No more than WINDOW datagrams of a flow are under way, so that a receiver that gets no processor for a
while finds them in the queues, and none lost there; at first it is as many as a first TCP window has
room for. How far it is, it tells by a file, not by the path.
"""

import dataclasses
import ipaddress
import json
import mmap
import os
import pathlib
import select
import signal
import socket
import struct
import sys
import time

HEADER = struct.Struct("!4sIIIIII")  # kind, number; and of the flow: count, size, rate, burst, name
UDP_SEGMENT = 103
SILENCE = 5  # seconds, and twice the time between two bursts
LATE = 1  # seconds after a flow's last datagram, for those that it has overtaken
LEAD_IN = 0.05
AT_A_TURN = 64  # datagrams received before the next are sent
TICK = 0.002  # seconds between two sends
FIRST_WINDOW = 40  # datagrams: of 1460 bytes, less than 64 KiB
WINDOW = 120  # and then: two flows one way fit the 256 packets of a veth's ring
ALL_LOST = 1  # seconds without progress, after which what is under way is taken for lost
FILLER = bytes(i * 31 % 251 for i in range(70000))


@dataclasses.dataclass
class Shape:
    kind: bytes
    count: int
    size: int
    rate: int
    burst: int
    name: int = 0

    def datagram(self, number):
        header = HEADER.pack(self.kind, number, self.count, self.size, self.rate, self.burst,
                             self.name)
        return header + FILLER[number % 251:number % 251 + self.size - len(header)]


def parse(datagram):
    kind, number, *shape = HEADER.unpack_from(datagram)
    return number, Shape(kind, *shape)


class Progress:
    """How many datagrams of a flow have come or have been passed over, as its receiver tells its
    sender; the client makes the file, and removes it."""

    def __init__(self, name, make=False):
        self.path = pathlib.Path("/dev/shm", f"ftun-flows-{name}")
        if make:
            self.path.write_bytes(bytes(mmap.PAGESIZE))
        try:
            with open(self.path, "r+b") as file:
                self.number = memoryview(mmap.mmap(file.fileno(), mmap.PAGESIZE)).cast("Q")
        except FileNotFoundError:  # the client has ended
            self.number = [0]

    def tell(self, number):
        self.number[0] = number

    def told(self):
        return self.number[0]


@dataclasses.dataclass
class Tally:
    first: int = 0
    last: int = -1
    received: int = 0
    late: int = 0
    corrupted: int = 0
    progress: dataclasses.InitVar[Progress | None] = None

    def __post_init__(self, progress):
        self.progress = progress

    def take(self, datagram):
        number, shape = parse(datagram)
        self.first = number if self.received == 0 else min(self.first, number)
        self.received += 1
        self.late += number <= self.last
        self.last = max(self.last, number)
        self.corrupted += datagram != shape.datagram(number)
        self.progress.tell(self.last + 1)

    def figures(self):
        lost = self.last - self.first + 1 - self.received
        return {**dataclasses.asdict(self), "lost": lost}


class Sender:
    """Sends the datagrams of a flow as time passes, and as they arrive."""

    def __init__(self, sock, peer, shape, progress):
        self.sock, self.peer, self.shape, self.progress = sock, peer, shape, progress
        self.begun, self.sent = time.monotonic(), 0
        self.passed, self.moved = 0, self.begun

    def done(self):
        return self.sent == self.shape.count

    def room(self):
        """Up to which number there may be datagrams under way."""
        now, told = time.monotonic(), self.progress.told()
        if told > self.passed or now > self.moved + ALL_LOST:
            self.passed = told if told > self.passed else self.sent
            self.moved = now
        return self.passed + min(FIRST_WINDOW + self.passed, WINDOW)

    def send_due(self):
        due = min(self.shape.count, int((time.monotonic() - self.begun) * self.shape.rate) + 1)
        room = self.room()
        while self.sent < due:
            burst = min(self.shape.burst, self.shape.count - self.sent)
            if self.sent + burst > room:
                break
            self.send(b"".join(map(self.shape.datagram, range(self.sent, self.sent + burst))))
            self.sent += burst

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


def serve(address, port):
    sock = udp_socket(address)
    sock.bind((address, port))
    ups, senders, told = {}, {}, {}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print("ready", flush=True)
    try:
        while True:
            busy = any(not sender.done() for sender in senders.values())
            select.select([sock], [], [], TICK if busy else None)
            for datagram, peer in received(sock):
                answer(sock, peer, datagram, ups, senders, told)
            for sender in senders.values():
                sender.send_due()
    finally:
        print(json.dumps([tally.figures() for tally in ups.values()]), flush=True)


def answer(sock, peer, datagram, ups, senders, told):
    shape = parse(datagram)[1]
    if peer not in told:
        told[peer] = Progress(shape.name)
    if shape.kind == b"lead":
        return
    if shape.kind == b"both":
        sock.sendto(datagram, peer)
    elif shape.kind == b"down":
        senders.setdefault(peer, Sender(sock, peer, shape, told[peer]))
    else:
        ups.setdefault(peer, Tally(progress=told[peer])).take(datagram)


def ask(sock, peer, shape):
    """Until the first datagram has come: the question may be lost."""
    for _ in range(120):
        sock.sendto(shape.datagram(0)[:HEADER.size], peer)
        if select.select([sock], [], [], 0.5)[0]:
            return


def lead_in(sock, peer, name):
    signals = {signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    while True:
        sock.sendto(Shape(b"lead", 1, HEADER.size, 1, 1, name).datagram(0), peer)
        if signal.sigtimedwait(signals, LEAD_IN):
            return


def wait_for_arrival(shape, progress):
    """Of all, or until nothing more comes."""
    told, moved = progress.told(), time.monotonic()
    while told < shape.count and time.monotonic() < moved + SILENCE:
        time.sleep(TICK)
        if progress.told() > told:
            told, moved = progress.told(), time.monotonic()
    time.sleep(LATE)


def talk(address, port, shape, progress):
    sock, tally = udp_socket(address), Tally(progress=progress)
    lead_in(sock, (address, port), shape.name)
    sender = Sender(sock, (address, port), shape, progress)
    if shape.kind == b"down":
        sender.sent = shape.count
        ask(sock, sender.peer, shape)
    silence = SILENCE + 2 * shape.burst / shape.rate
    while not sender.done() or select.select([sock], [], [], silence)[0]:
        sender.send_due()
        for datagram, _ in received(sock):
            tally.take(datagram)
        if tally.last == shape.count - 1:
            silence = LATE
        if not sender.done():
            select.select([sock], [], [], TICK)
        elif shape.kind == b"up":
            wait_for_arrival(shape, progress)
            break
    print(json.dumps(tally.figures()))


def main(kind, address, port, *shape):
    if kind == "serve":
        serve(address, int(port))
        return
    name = os.getpid()
    progress = Progress(name, make=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        talk(address, int(port), Shape(kind.encode(), *map(int, (*shape, 1)[:4]), name), progress)
    finally:
        progress.path.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
