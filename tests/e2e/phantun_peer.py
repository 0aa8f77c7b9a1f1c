#!/usr/bin/python3
"""Phantun 0.8's dialect, spoken exactly, on a TUN: what DESIGN calls its wire behaviour.

    phantun_peer.py server TUN LOCAL PORT           echoes each datagram it receives, upper case,
                                                    unless it begins with "up"
    phantun_peer.py client TUN LOCAL REMOTE PORT    sends what its standard input says, line by line

Every packet sent and received is printed as one line. test_phantun.py compares the packets that
this script makes, byte for byte, with those of a real session (pcaps/peers/phantun-v4.pcap).
"""

import fcntl
import os
import select
import socket
import struct
import sys
import time

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MAX_UNACKED = 128 << 20  # bytes received before Phantun acknowledges by itself


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def build(source, destination, sequence, ack, flags, payload=b""):
    """A packet as Phantun makes it; source and destination are (address, port)."""
    options = b"\x01\x03\x03\x0e" if flags & SYN else b""  # NOP, window scale 14
    offset = (20 + len(options)) // 4 << 4
    tcp = struct.pack("!HHIIBBHHH", source[1], destination[1], sequence & 0xFFFFFFFF,
                      ack & 0xFFFFFFFF, offset, flags, 65535, 0, 0) + options + payload
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    pseudo = addresses + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + addresses
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp


class Segment:
    """What Phantun reads of a packet."""

    def __init__(self, packet):
        ihl = (packet[0] & 15) * 4
        tcp = packet[ihl:struct.unpack("!H", packet[2:4])[0]]
        ports = struct.unpack("!HH", tcp[:4])
        self.source = (socket.inet_ntoa(packet[12:16]), ports[0])
        self.destination = (socket.inet_ntoa(packet[16:20]), ports[1])
        self.sequence, self.ack = struct.unpack("!II", tcp[4:12])
        self.flags = tcp[13]
        self.payload = tcp[(tcp[12] >> 4) * 4:]
        self.is_valid = checksum(packet[:ihl]) == 0 and checksum(
            packet[12:20] + struct.pack("!BBH", 0, 6, len(tcp)) + tcp) == 0


def letters(flags):
    return "".join(letter for bit, letter in
                   ((SYN, "S"), (FIN, "F"), (RST, "R"), (PSH, "P"), (ACK, ".")) if flags & bit)


class Connection:
    def __init__(self, tun, local, remote, ack=0):
        self.tun, self.local, self.remote = tun, local, remote
        self.sequence, self.ack, self.last_ack = 0, ack, ack
        self.established = False

    def send(self, flags, payload=b""):
        self.last_ack = self.ack
        self.tun.send(build(self.local, self.remote, self.sequence, self.ack, flags, payload))
        self.sequence += len(payload)

    def receive(self, segment):
        self.ack = (segment.sequence + len(segment.payload)) & 0xFFFFFFFF
        if (self.ack - self.last_ack) & 0xFFFFFFFF > MAX_UNACKED:
            self.send(ACK)

    def close(self):
        self.tun.send(build(self.local, self.remote, self.sequence, 0, RST))


class Tun:
    def __init__(self, name):
        self.fd = os.open("/dev/net/tun", os.O_RDWR)
        iff_tun_no_pi = 0x1001
        fcntl.ioctl(self.fd, 0x400454CA, struct.pack("16sH22x", name.encode(), iff_tun_no_pi))

    def send(self, packet):
        print(">", describe(packet), flush=True)
        os.write(self.fd, packet)

    def receive(self, timeout):
        """The next valid TCP segment over IPv4, or None after `timeout` seconds."""
        end = time.monotonic() + timeout
        while select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
            packet = os.read(self.fd, 65536)
            if packet[0] >> 4 == 4 and packet[9] == 6:
                print("<", describe(packet), flush=True)
                segment = Segment(packet)
                assert segment.is_valid, "a packet with a wrong checksum"
                return segment
        return None


def describe(packet):
    s = Segment(packet)
    return f"{letters(s.flags)} seq {s.sequence} ack {s.ack} len {len(s.payload)}"


def reject(tun, segment):
    """Phantun's answer to a segment of no connection, or to a SYN whose number is not 0: RST|ACK.
    Only to a SYN does the acknowledgment count the flag."""
    after = segment.sequence + len(segment.payload) + (segment.flags == SYN)
    tun.send(build(segment.destination, segment.source, segment.ack, after, RST | ACK))


def handle(tun, connections, segment, local):
    """One segment at a Phantun server."""
    connection = connections.get(segment.source)
    if connection is None:
        if segment.flags == SYN and segment.sequence == 0:
            connections[segment.source] = new = Connection(tun, local, segment.source, ack=1)
            new.send(SYN | ACK)
        elif not segment.flags & RST:
            reject(tun, segment)
    elif segment.flags & RST:
        connection.close()
        del connections[segment.source]
    elif not connection.established:
        if segment.flags == ACK and segment.ack == 1:
            connection.sequence, connection.established = 1, True
    else:
        connection.receive(segment)
        if segment.payload and not segment.payload.startswith(b"up"):
            connection.send(ACK, segment.payload.upper())


def server(name, address, port):
    tun, connections = Tun(name), {}
    print("ready", flush=True)
    while True:
        segment = tun.receive(3600)
        if segment and segment.destination == (address, port):
            handle(tun, connections, segment, (address, port))


def connect(tun, local, remote):
    connection = Connection(tun, local, remote)
    for _ in range(6):
        connection.sequence = 0
        connection.send(SYN)
        segment = tun.receive(15)
        if segment and segment.flags == SYN | ACK and segment.ack == 1:
            connection.sequence, connection.ack = 1, (segment.sequence + 1) & 0xFFFFFFFF
            connection.send(ACK)
            return connection
    raise SystemExit("no answer to the handshake")


def client(name, address, remote, port):
    tun = Tun(name)
    print("ready", flush=True)
    connection = None
    for line in sys.stdin:
        connection = connection or connect(tun, (address, 40000), (remote, port))
        connection.send(ACK, line.strip().encode())
        end = time.monotonic() + 60
        while time.monotonic() < end:
            segment = tun.receive(end - time.monotonic())
            if segment is None:
                break
            assert not segment.flags & RST, "reset"
            connection.receive(segment)
            if segment.payload:
                print("datagram", segment.payload.decode(), flush=True)
                break
    connection.close()
    tun.receive(0.3)


if __name__ == "__main__":
    if sys.argv[1] == "server":
        server(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        client(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
