"""Checksums (RFC 1071) of IPv4, TCP and ICMP."""

import struct

from scapy.layers.inet import ICMP
from scapy.layers.inet6 import ICMPv6PacketTooBig
from scapy.packet import Raw
from scapy.utils import checksum

from faults import Layer
from packets import TCP, pseudo_header, with_bytes, with_ipv4_checksum
from session import HOSTILE

LAYER = Layer("checksum")


def tcp_at(packet):
    return 40 if packet[0] >> 4 == 6 else 20


def changed(packet, at, change):
    """The 16-bit word there becomes what `change` makes of it."""
    word = struct.unpack_from("!H", packet, at)[0]
    return with_bytes(packet, at, struct.pack("!H", change(word) & 0xffff))


def ipv4_refused(name, build):
    LAYER.refused(f"ipv4-{name}", "malformed-ip-checksum", build)


def ipv4_changed(name, change):
    ipv4_refused(name, lambda s: changed(s.data(), 10, change))


def tcp_refused(name, build):
    for family in (4, 6):
        LAYER.refused(f"tcp-{name}-ipv{family}", "malformed-tcp-checksum", build, family=family)


def tcp_changed(name, change):
    def build(s):
        packet = s.data()
        return changed(packet, tcp_at(packet) + 16, change)
    tcp_refused(name, build)


def flipped(name, at, bit=1):
    """One bit of the segment differs from what was summed."""
    def build(s):
        packet = s.data()
        place = tcp_at(packet) + at
        return with_bytes(packet, place, [packet[place] ^ bit])
    tcp_refused(name, build)


ipv4_changed("zero", lambda word: 0)
ipv4_changed("all-ones", lambda word: 0xffff)
ipv4_changed("one-more", lambda word: word + 1)
ipv4_changed("complement", lambda word: ~word)
ipv4_refused("stale-ttl", lambda s: with_bytes(s.data(), 8, [63]))
ipv4_refused("of-fixed-header-only", lambda s: with_bytes(s.data()[:20], 0, [0x46]) +
             b"\x94\x04\0\0" + s.data()[20:])
ipv4_refused("wrong-in-fragment", lambda s: changed(s.data(ip={"flags": "MF"}), 10,
                                                    lambda word: word + 1))

tcp_changed("zero", lambda word: 0)
tcp_changed("all-ones", lambda word: 0xffff)
tcp_changed("one-more", lambda word: word + 1)
tcp_changed("complement", lambda word: ~word)
flipped("payload-bit", 20 + 10)
flipped("last-byte", 20 + 63, 0x80)
flipped("source-port-bit", 1)
flipped("sequence-bit", 7)
flipped("ack-bit", 11)
flipped("window-bit", 15)
flipped("reserved-bit", 12, 2)
flipped("push-bit", 13, 8)


def without_pseudo_header(s):
    packet = s.data()
    at = tcp_at(packet)
    total = checksum(with_bytes(packet[at:], 16, b"\0\0"))
    return with_bytes(packet, at + 16, struct.pack("!H", total))


tcp_refused("without-pseudo-header", without_pseudo_header)


def for_another(s):
    """As left behind by a NAT that changes addresses and not checksums."""
    other = s.segment("PA", HOSTILE, ip={"dst": "192.0.2.99" if s.family == 4 else "2001:db8::99"})
    right = s.data()
    at = tcp_at(right)
    return with_bytes(right, at + 16, other[at + 16:at + 18])


tcp_refused("of-another-address", for_another)


def left_to_the_nic(s):
    """Only the pseudo-header is summed, as before a network card that completes it."""
    packet = s.data()
    at = tcp_at(packet)
    partial = ~checksum(pseudo_header(packet, TCP, len(packet) - at)) & 0xffff
    return with_bytes(packet, at + 16, struct.pack("!H", partial))


# A capture of the sender's own packets looks like that, so ftun-replay takes it. Off the TUN ftun
# does not, unless the kernel vouches for it: there it is one more wrong checksum.
for ip_version in (4, 6):
    LAYER.delivered(f"tcp-left-to-the-nic-ipv{ip_version}", left_to_the_nic, family=ip_version,
                    living=False)


def sums_to_zero(s):
    """Data whose checksum is 0: its one's complement twin, all ones, is as right."""
    packet = s.data(b"\0\0" + HOSTILE)
    at = tcp_at(packet)
    filled = with_bytes(packet, at + 20, packet[at + 16:at + 18])
    return filled, at + 16


for twin, name in ((b"\0\0", "0-that-is-right"), (b"\xff\xff", "all-ones-that-is-right")):
    @LAYER.fault(f"tcp-{name}")
    def right(s, twin=twin):
        packet, at = sums_to_zero(s)
        s.send_data(with_bytes(packet, at, twin), b"xx" + HOSTILE)

LAYER.delivered("tcp-odd-length", lambda s: s.data(b"odd"), payload=b"odd")
LAYER.refused("tcp-odd-length-summed-with-padding", "malformed-tcp-checksum",
              lambda s: with_ipv4_checksum(with_bytes(s.data(b"odd!"), 2, b"\0\x2b")))

for flags, name in (("S", "syn"), ("R", "rst"), ("FA", "fin"), ("A", "ack"), ("RA", "rst-ack")):
    LAYER.refused(f"tcp-wrong-in-{name}", "malformed-tcp-checksum",
                  lambda s, f=flags: s.segment(f, chksum=0x1234))


LAYER.refused("icmp-wrong", "malformed-icmp-checksum", lambda s: bytes(
    s.ip(proto=1) / ICMP(type=3, code=4, nexthopmtu=1300, chksum=0x1234) / Raw(s.quote())))
LAYER.refused("icmp-zero", "malformed-icmp-checksum", lambda s: bytes(
    s.ip(proto=1) / ICMP(type=3, code=4, nexthopmtu=1300, chksum=0) / Raw(s.quote())))
LAYER.refused("icmpv6-wrong", "malformed-icmp-checksum", lambda s: bytes(
    s.ip() / ICMPv6PacketTooBig(mtu=1300, cksum=0x1234) / Raw(s.quote())), family=6)


def icmpv6_as_icmp(s):
    """Summed without pseudo-header, as ICMP for IPv4 is."""
    packet = bytes(s.ip() / ICMPv6PacketTooBig(mtu=1300, cksum=0) / Raw(s.quote()))
    return with_bytes(packet, 42, struct.pack("!H", checksum(packet[40:])))


LAYER.refused("icmpv6-without-pseudo-header", "malformed-icmp-checksum", icmpv6_as_icmp, family=6)
