"""Bytes of packets: what scapy cannot be asked for, or would put right again."""

import struct

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Raw
from scapy.utils import checksum

TCP, HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS = 6, 0, 43, 44, 60


def is_ipv6(packet):
    return packet[0] >> 4 == 6


def with_bytes(packet, at, new):
    """The packet with the bytes from `at` on replaced; nothing else follows."""
    return packet[:at] + bytes(new) + packet[at + len(new):]


def with_ipv4_checksum(packet):
    """The checksum of the IPv4 header put right, over as many words as its IHL says."""
    header = with_bytes(packet[:(packet[0] & 15) * 4], 10, b"\0\0")
    return with_bytes(packet, 10, struct.pack("!H", checksum(header)))


def pseudo_header(packet, protocol, length):
    if is_ipv6(packet):
        return packet[8:40] + struct.pack("!II", length, protocol)
    return packet[12:20] + struct.pack("!HH", protocol, length)


def with_tcp_checksum(packet):
    """The checksum of the TCP segment put right, behind a header without extension headers."""
    start = 40 if is_ipv6(packet) else (packet[0] & 15) * 4
    segment = with_bytes(packet[start:], 16, b"\0\0")
    total = checksum(pseudo_header(packet, TCP, len(segment)) + segment)
    return with_bytes(packet, start + 16, struct.pack("!H", total))


def with_ipv4_options(packet, options):
    """IPv4 options, a multiple of four bytes, behind the header; length and checksum follow."""
    grown = packet[:20] + options + packet[20:]
    grown = with_bytes(grown, 0, [0x45 + len(options) // 4])
    grown = with_bytes(grown, 2, struct.pack("!H", len(grown)))
    return with_ipv4_checksum(grown)


def with_tcp_options(packet, options):
    """The same for TCP options in a segment that has none."""
    start = 40 if is_ipv6(packet) else 20
    grown = packet[:start + 20] + options + packet[start + 20:]
    grown = with_bytes(grown, start + 12, [(5 + len(options) // 4) << 4])
    if is_ipv6(packet):
        return with_tcp_checksum(with_bytes(grown, 4, struct.pack("!H", len(grown) - 40)))
    grown = with_bytes(grown, 2, struct.pack("!H", len(grown)))
    return with_tcp_checksum(with_ipv4_checksum(grown))


def extension(body=b"\x01\x04\0\0\0\0", length=None):
    """An IPv6 extension header whose first byte, the next header, is still to be filled in. `body`
    is what follows its length field; by default PadN over the smallest header."""
    units = (len(body) + 2) // 8 - 1 if length is None else length
    return bytes([0, units]) + body


def with_extensions(packet, *headers):
    """IPv6 extension headers, (kind, bytes) each, between the IPv6 header and its payload."""
    kinds = [kind for kind, _ in headers] + [packet[6]]
    chain = b"".join(with_bytes(header, 0, [following])
                     for (_, header), following in zip(headers, kinds[1:]))
    grown = packet[:6] + bytes([kinds[0]]) + packet[7:40] + chain + packet[40:]
    return with_bytes(grown, 4, struct.pack("!H", len(grown) - 40))


def fragment(packet, start, end, identification, more=None, **fields):
    """Bytes `start` to `end` of the payload of a packet without options, as a fragment. It says
    that more follow unless it holds the payload's end, or as `more` says; `fields` are scapy's."""
    header = 40 if is_ipv6(packet) else 20
    more = end < len(packet) - header if more is None else more
    return piece(packet, start // 8, packet[header + start:header + end], identification, more,
                 **fields)


def piece(packet, offset, payload, identification, more, **fields):
    """A fragment with any payload at any offset, in units of 8 bytes, of a packet like this."""
    if is_ipv6(packet):
        whole = IPv6(packet)
        ip = IPv6(src=whole.src, dst=whole.dst, hlim=64)
        header = IPv6ExtHdrFragment(**{"nh": TCP, "offset": offset, "m": int(more),
                                       "id": identification, **fields})
        return bytes(ip / header / Raw(payload))
    whole = IP(packet)
    ip = IP(**{"src": whole.src, "dst": whole.dst, "id": identification, "ttl": 64, "proto": TCP,
               "flags": "MF" if more else 0, "frag": offset, **fields})
    return bytes(ip / Raw(payload))
