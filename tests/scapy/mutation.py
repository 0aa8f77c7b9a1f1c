"""Random mutations of valid packets, the same for the same seed: bytes, lengths, numbers, options,
cuts and fragments, the checksums put right again half of the time. Plain bytes: 50,000 a second."""

import random
import struct

from scapy.utils import checksum

SHORTEST = 20  # bytes: what is shorter is left as it is
HEADERS = 80   # bytes: where most mutations go
EDGES = (0, 1, 2, 4, 5, 15, 16, 0x7f, 0x80, 0xfe, 0xff)
# Steps in sequence space: the window, how far data may lag, half way round.
STEPS = (1, -1, 4 << 20, (4 << 20) + 1, 65535 << 10, (65535 << 10) - 1, 1 << 31, 12345)


def transport(packet):
    """Where the transport header begins, as far as the fixed header knows; the protocol."""
    if packet[0] >> 4 == 6:
        return 40, packet[6]
    return (packet[0] & 15) * 4, packet[9]


def summed(packet, start, protocol, at):
    """The transport checksum at `at` put right, over what the IP header says is there."""
    if packet[0] >> 4 == 6:
        end = 40 + struct.unpack_from("!H", packet, 4)[0]
        addresses = packet[8:40]
    else:
        end = struct.unpack_from("!H", packet, 2)[0]
        addresses = packet[12:20]
    segment = packet[start:end]
    segment[at:at + 2] = b"\0\0"
    pseudo = b"" if protocol == 1 else addresses + struct.pack("!II", len(segment), protocol)
    packet[start + at:start + at + 2] = struct.pack("!H", checksum(bytes(pseudo + segment)))


def repair(packet):
    """Put the checksums right, wherever there is room for them."""
    start, protocol = transport(packet)
    at = {6: 16, 1: 2, 58: 2}.get(protocol)
    if at is not None and start + at + 2 <= len(packet):
        summed(packet, start, protocol, at)
    if packet[0] >> 4 == 4 and 20 <= start <= len(packet):
        packet[10:12] = b"\0\0"
        packet[10:12] = struct.pack("!H", checksum(bytes(packet[:start])))


class Mutator:
    """Makes packets of packets."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.ways = (self.flip, self.edge, self.cut, self.grow, self.length, self.blank,
                     self.remove, self.insert, self.flags, self.options, self.number)

    def place(self, packet):
        return self.random.randrange(min(len(packet), HEADERS))

    def flip(self, packet):
        for _ in range(self.random.randint(1, 8)):
            packet[self.random.randrange(len(packet))] ^= 1 << self.random.randrange(8)

    def edge(self, packet):
        for _ in range(self.random.randint(1, 3)):
            packet[self.place(packet)] = self.random.choice(EDGES)

    def cut(self, packet):
        del packet[self.random.randrange(1, len(packet)):]

    def grow(self, packet):
        packet += self.random.randbytes(self.random.randint(1, 200))

    def length(self, packet):
        at = 4 if packet[0] >> 4 == 6 else 2
        old = struct.unpack_from("!H", packet, at)[0]
        new = self.random.choice((0, 19, 20, 40, old - 1, old + 1, 65535,
                                  self.random.getrandbits(16)))
        struct.pack_into("!H", packet, at, new & 0xffff)

    def blank(self, packet):
        start = self.place(packet)
        end = min(len(packet), start + self.random.randint(1, 16))
        packet[start:end] = self.random.choice((b"\0", b"\xff")) * (end - start)

    def remove(self, packet):
        start = self.place(packet)
        if start > 0:
            del packet[start:start + self.random.randint(1, 16)]

    def insert(self, packet):
        start = self.place(packet)
        packet[start:start] = self.random.randbytes(self.random.choice((1, 4, 8, 40)))

    def flags(self, packet):
        at = 53 if packet[0] >> 4 == 6 else 33
        if at < len(packet):
            packet[at] = self.random.getrandbits(8)

    def options(self, packet):
        """Random option bytes in front of the payload, a header that has room for them."""
        start = transport(packet)[0]
        words = self.random.randint(1, 10)
        if start + 20 <= len(packet):
            packet[start + 12] = (5 + words) << 4
            packet[start + 20:start + 20] = self.random.randbytes(words * 4)
            self.lengthen(packet, words * 4)

    @staticmethod
    def lengthen(packet, count):
        at = 4 if packet[0] >> 4 == 6 else 2
        old = struct.unpack_from("!H", packet, at)[0]
        struct.pack_into("!H", packet, at, (old + count) & 0xffff)

    def number(self, packet):
        """Move the sequence or acknowledgment number, or both."""
        start = transport(packet)[0]
        for at in self.random.choice(((4,), (8,), (4, 8))):
            if start + at + 4 <= len(packet):
                old = struct.unpack_from("!I", packet, start + at)[0]
                struct.pack_into("!I", packet, start + at,
                                 (old + self.random.choice(STEPS)) % 2**32)

    def fragment(self, packet):
        """IPv4 or IPv6 fragments of it: of any size, some missing, some overlapping."""
        header = 40 if packet[0] >> 4 == 6 else 20
        payload = packet[header:]
        pieces = []
        start = 0
        while start < len(payload):
            end = min(len(payload), start + 8 * self.random.randint(1, 8))
            pieces.append(self.piece(packet, header, start, payload[start:end], end < len(payload)))
            start = end - self.random.choice((0, 0, 0, 0, 8))
            if start + 8 >= len(payload) and end == len(payload):
                break
        self.random.shuffle(pieces)
        return pieces[self.random.choice((0, 0, 1)):]

    def piece(self, packet, header, start, payload, more):
        if header == 40:
            extension = struct.pack("!BBHI", packet[6], 0, start | more, 7)
            return bytes(packet[:4] + struct.pack("!HB", 8 + len(payload), 44) + packet[7:40] +
                         extension + payload)
        piece = packet[:20] + payload
        struct.pack_into("!HHH", piece, 2, len(piece), 7, more << 13 | start >> 3)
        piece[10:12] = b"\0\0"
        piece[10:12] = struct.pack("!H", checksum(bytes(piece[:20])))
        return bytes(piece)

    def mutations(self, pool, count):
        """`count` packets made of those in the pool."""
        made = 0
        while made < count:
            packet = bytearray(self.random.choice(pool))
            if self.random.random() < 0.1:
                pieces = self.fragment(packet)[:count - made]
                made += len(pieces)
                yield from pieces
                continue
            for _ in range(self.random.choice((1, 1, 1, 2, 3))):
                if len(packet) >= SHORTEST:
                    self.random.choice(self.ways)(packet)
            if self.random.random() < 0.5 and len(packet) >= SHORTEST:
                repair(packet)
            made += 1
            yield bytes(packet)
