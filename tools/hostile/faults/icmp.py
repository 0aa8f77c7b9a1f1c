"""ICMP and ICMPv6 (RFC 792, RFC 1191, RFC 4443, RFC 5927): errors about segments, and others."""

import struct

from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NS,
                                ICMPv6ND_RA, ICMPv6ND_Redirect, ICMPv6PacketTooBig,
                                ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6)
from scapy.packet import Raw
from scapy.utils import checksum

from faults import TAKEN, Layer
from packets import fragment, pseudo_header, with_bytes, with_extensions, with_ipv4_options

LAYER = Layer("icmp")

ROUTER = {4: "192.0.2.1", 6: "2001:db8:ffff::1"}
FAMILIES = (4, 6)


def wrap(s, message, quote, **ip):
    """A message about a quoted packet, from a router on the way."""
    fields = {"src": ROUTER[s.family], **ip}
    if s.family == 4:
        fields.setdefault("proto", 1)
    return bytes(s.ip(**fields) / message / Raw(quote))


def too_big(s, mtu=1300, quote=None, **ip):
    message = ICMPv6PacketTooBig(mtu=mtu) if s.family == 6 else ICMP(type=3, code=4, nexthopmtu=mtu)
    return wrap(s, message, s.quote() if quote is None else quote, **ip)


def unreachable(s, code, quote=None):
    message = ICMPv6DestUnreach(code=code) if s.family == 6 else ICMP(type=3, code=code)
    return wrap(s, message, s.quote() if quote is None else quote)


def cut(s, length):
    """A message of so many bytes, its checksum right for what is left."""
    start = 40 if s.family == 6 else 20
    packet = with_bytes(too_big(s)[:start + length], start + 2, b"\0\0")
    summed = packet[start:]
    if s.family == 6:
        packet = with_bytes(packet, 4, struct.pack("!H", length))
        summed = pseudo_header(packet, 58, length) + summed
    else:
        packet = with_bytes(packet, 2, struct.pack("!H", start + length))
        packet = with_bytes(packet, 10, struct.pack("!H", checksum(with_bytes(packet[:20], 10,
                                                                              b"\0\0"))))
    return with_bytes(packet, start + 2, struct.pack("!H", checksum(summed)))


def other_family(s):
    """Somebody's TCP segment of the other IP version."""
    ports = TCP(sport=s.our_port, dport=s.their_port, seq=s.ack)
    if s.family == 4:
        return IPv6(src="2001:db8::2", dst="2001:db8::1") / ports
    return IP(src="10.0.0.2", dst="10.0.0.1") / ports


def headless(s, length):
    """Too short even for a checksum."""
    fields = {"nh": 58} if s.family == 6 else {"proto": 1}
    return bytes(s.ip(**fields) / Raw(b"\x03\x04"[:length]))


def refused(name, verdict, build, families=FAMILIES):
    for family in families:
        LAYER.refused(f"{name}-ipv{family}", verdict, build, family=family)


def harmless(name, build, families=FAMILIES, **properties):
    for family in families:
        LAYER.harmless(f"{name}-ipv{family}", build, answers=(), family=family, **properties)


# --- believed, and never more than they deserve ---------------------------------------------------

for mtu in (1280, 1300, 1500, 9000, 65535):
    harmless(f"too-big-mtu-{mtu}", lambda s, n=mtu: too_big(s, n))
for mtu in (0, 1, 67, 68, 551, 1279):
    harmless(f"too-big-mtu-{mtu}", lambda s, n=mtu: too_big(s, n), families=(4,))
for mtu in (0, 1, 68, 576, 1279):  # RFC 8201 4: discarded
    refused(f"too-big-mtu-{mtu}", "malformed-icmp-mtu", lambda s, n=mtu: too_big(s, n),
            families=(6,))
harmless("too-big-mtu-all-ones", lambda s: too_big(s, 2**32 - 1), families=(6,))
harmless("too-big-quotes-all", lambda s: too_big(s, 1400, s.ours(s.echoed)))
harmless("too-big-quotes-ip-options",
         lambda s: too_big(s, 1400, with_ipv4_options(s.ours(), b"\x94\x04\0\0")), families=(4,))
harmless("too-big-quotes-extension-headers",
         lambda s: too_big(s, 1400, with_extensions(s.ours(), (60, b"\0\0\x01\x04\0\0\0\0"))),
         families=(6,))
harmless("too-big-quotes-atomic-fragment",
         lambda s: too_big(s, 1400, fragment(s.ours(), 0, 20, 5)), families=(6,))
harmless("too-big-with-extensions-behind",  # RFC 4884
         lambda s: too_big(s, 1400, s.ours().ljust(128, b"\0") + b"\x20\0\0\0\0\x08\x01\x01dead"))
harmless("too-big-quotes-wrong-checksum", lambda s: too_big(s, 1400, s.ours(chksum=1)))
for code in (0, 1, 2, 3, 5, 9, 10, 13, 255):
    harmless(f"unreachable-code-{code}", lambda s, n=code: unreachable(s, n), families=(4,))
for code in (0, 1, 3, 4, 5, 6, 255):
    harmless(f"unreachable-code-{code}", lambda s, n=code: unreachable(s, n), families=(6,))


@LAYER.fault("too-big-again-and-again")
def again_and_again(s):
    """Down by one each time: the limit falls, and stops at the minimum."""
    for mtu in range(1499, 0, -25):
        s.send(too_big(s, mtu), TAKEN, answers=())


# --- cut ------------------------------------------------------------------------------------------

for length in (0, 1, 2):
    refused(f"cut-to-{length}", "truncated-icmp", lambda s, n=length: headless(s, n))
for length in (4, 7):
    refused(f"cut-to-{length}", "truncated-icmp", lambda s, n=length: cut(s, n))
refused("no-quote", "truncated-icmp", lambda s: cut(s, 8))
refused("quote-of-1-byte", "truncated-icmp", lambda s: cut(s, 9))
refused("quote-cut-in-ip-header", "truncated-icmp", lambda s: cut(s, 8 + 19))
refused("quote-without-tcp", "truncated-icmp", lambda s: too_big(s, 1300, s.quote(0)))
refused("quote-of-ports-only", "truncated-icmp", lambda s: too_big(s, 1300, s.quote(4)))
refused("quote-of-7-bytes-of-tcp", "truncated-icmp", lambda s: too_big(s, 1300, s.quote(7)))


# --- quotes of what we never sent, or no longer care about ----------------------------------------

refused("quote-of-other-port", "not-ours-icmp", lambda s: too_big(s, quote=s.quote(dport=9)))
refused("quote-of-our-other-port", "not-ours-icmp", lambda s: too_big(s, quote=s.quote(sport=9)))
refused("quote-of-other-address", "not-ours-icmp", lambda s: too_big(s, quote=s.quote(
    ip={"dst": "192.0.2.9" if s.family == 4 else "2001:db8::9"})))
refused("quote-of-theirs", "not-ours-icmp", lambda s: too_big(s, quote=s.data()[:60]))
refused("quote-of-the-future", "not-ours-icmp",
        lambda s: too_big(s, quote=s.quote(seq=(s.ack + 1) % 2**32)))
refused("quote-of-long-ago", "not-ours-icmp",
        lambda s: too_big(s, quote=s.quote(seq=(s.ack - (4 << 20) - 1000) % 2**32)))
refused("quote-of-sequence-0", "not-ours-icmp",
        lambda s: too_big(s, quote=s.quote(seq=(s.ack + 2**31) % 2**32)))
refused("unreachable-quote-of-the-future", "not-ours-icmp",
        lambda s: unreachable(s, 1, s.quote(seq=(s.ack + 1) % 2**32)))
refused("quote-of-udp", "unsupported-protocol", lambda s: too_big(s, quote=s.quote(
    ip={"nh": 17} if s.family == 6 else {"proto": 17})))
refused("quote-of-other-version", "not-ours-icmp",
        lambda s: too_big(s, quote=bytes(other_family(s))))
refused("quote-of-version-0", "truncated-icmp",
        lambda s: too_big(s, quote=with_bytes(s.quote(), 0, [s.quote()[0] & 15])))
refused("quote-of-ihl-4", "truncated-icmp",
        lambda s: too_big(s, quote=with_bytes(s.quote(), 0, [0x44])), families=(4,))
refused("quote-of-ihl-15", "truncated-icmp",
        lambda s: too_big(s, quote=with_bytes(s.quote(), 0, [0x4f])), families=(4,))
refused("quote-of-later-fragment", "unsupported-protocol",
        lambda s: too_big(s, quote=fragment(s.ours(b"x" * 64), 40, 84, 5)))
refused("quote-of-error", "unsupported-protocol",  # RFC 1122 3.2.2: never an error about an error
        lambda s: too_big(s, quote=too_big(s)))
refused("quote-of-9-extension-headers", "truncated-icmp", lambda s: too_big(
    s, quote=with_extensions(s.ours(), *[(60, b"\0\0\x01\x04\0\0\0\0")] * 9)), families=(6,))
refused("addressed-elsewhere", "not-ours-address", lambda s: too_big(
    s, dst="192.0.2.9" if s.family == 4 else "2001:db8::9"))


# --- messages that are no errors about segments ---------------------------------------------------

for number, code, name in ((0, 0, "echo-reply"), (4, 0, "source-quench"), (5, 1, "redirect"),
                           (8, 0, "echo-request"), (9, 0, "router-advertisement"),
                           (11, 0, "time-exceeded"), (11, 1, "reassembly-time-exceeded"),
                           (12, 0, "parameter-problem"), (17, 0, "address-mask-request"),
                           (255, 255, "reserved")):
    refused(name, "unsupported-protocol",
            lambda s, n=number, c=code: wrap(s, ICMP(type=n, code=c), s.quote()), families=(4,))

refused("timestamp-request", "unsupported-protocol",
        lambda s: wrap(s, ICMP(type=13, ts_ori=1, ts_rx=0, ts_tx=0), s.quote()), families=(4,))

for message, name in ((ICMPv6EchoRequest(), "echo-request"), (ICMPv6EchoReply(), "echo-reply"),
                      (ICMPv6TimeExceeded(), "time-exceeded"),
                      (ICMPv6TimeExceeded(code=1), "reassembly-time-exceeded"),
                      (ICMPv6ParamProblem(), "parameter-problem"),
                      (ICMPv6ND_RA(), "router-advertisement"), (ICMPv6ND_NS(), "solicitation"),
                      (ICMPv6ND_Redirect(), "redirect")):
    refused(name, "unsupported-protocol", lambda s, m=message: wrap(s, m, s.quote()), families=(6,))
