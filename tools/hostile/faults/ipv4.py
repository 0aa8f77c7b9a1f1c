"""IPv4 headers (RFC 791, RFC 1122 3.2.1)."""

import struct

from faults import Layer
from packets import with_bytes, with_ipv4_checksum, with_ipv4_options, with_tcp_checksum

LAYER = Layer("ipv4")


def total_length(length):
    return lambda s: s.data(ip={"len": length})


def options(text):
    return lambda s: with_ipv4_options(s.data(), bytes.fromhex(text.replace(" ", "")))


def from_source(address):
    return lambda s: s.segment("S", ip={"src": address})


for length in (1, 19):
    LAYER.refused(f"cut-to-{length}", "truncated-ip", lambda s, n=length: s.data()[:n])
LAYER.refused("cut-in-options", "truncated-ip", lambda s: options("01" * 40)(s)[:59])
LAYER.refused("cut-before-total-length", "truncated-ip", lambda s: s.data()[:-1])

for version in (0, 5, 7, 15):
    LAYER.refused(f"version-{version}", "malformed-ip-version",
                  lambda s, v=version: s.data(ip={"version": v}))
# Read as IPv6 its id is the payload length, and its flags the next header: 64, Kryptolan.
LAYER.refused("version-6", "unsupported-protocol", lambda s: s.data(ip={"version": 6, "id": 8}))

LAYER.refused("ihl-0", "malformed-ip-header", lambda s: s.data(ip={"ihl": 0}))
LAYER.refused("ihl-4", "malformed-ip-header", lambda s: s.data(ip={"ihl": 4}))
LAYER.refused("ihl-beyond-packet", "truncated-ip", lambda s: s.segment("A", ip={"ihl": 15}))
LAYER.refused("ihl-beyond-total-length", "malformed-ip-header",
              lambda s: s.data(ip={"ihl": 15, "len": 40}))
LAYER.refused("ihl-over-tcp-header", "truncated-tcp",
              lambda s: with_ipv4_checksum(with_bytes(s.data(b"\0" * 32), 0, [0x4f])))

LAYER.refused("total-length-0", "malformed-ip-header", total_length(0))
LAYER.refused("total-length-19", "malformed-ip-header", total_length(19))
LAYER.refused("total-length-20", "truncated-tcp", total_length(20))
LAYER.refused("total-length-39", "truncated-tcp", total_length(39))
LAYER.refused("total-length-cuts-payload", "malformed-tcp-checksum", total_length(60))
LAYER.refused("total-length-one-beyond", "truncated-ip", total_length(105))
LAYER.refused("total-length-65535", "truncated-ip", total_length(65535))
LAYER.delivered("padding-behind", lambda s: s.data() + b"\0" * 6)
LAYER.delivered("padding-of-garbage", lambda s: s.data() + b"\xff" * 200)

LAYER.delivered("options-end-of-list", options("00000000"))
LAYER.delivered("options-no-operation-40", options("01" * 40))
LAYER.delivered("options-record-route", options("07 07 04 00000000 00"))
LAYER.delivered("options-timestamp", options("44 08 05 00 00000000"))
LAYER.delivered("options-router-alert", options("94 04 0000"))
LAYER.delivered("options-loose-source-route", options("83 07 08 c0000201 00"))
LAYER.delivered("options-unknown", options("de 04 dead"))
LAYER.delivered("options-length-0", options("07 00 0000"))
LAYER.delivered("options-length-1", options("07 01 0000"))
LAYER.delivered("options-length-beyond-header", options("07 ff 04 00"))
LAYER.delivered("options-garbage", options("9e3779b97f4a7c15f39cc0605cedc834"))

for number, name in ((0, "hop-by-hop"), (2, "igmp"), (4, "ipip"), (17, "udp"), (41, "ipv6"),
                     (44, "ipv6-fragment"), (47, "gre"), (50, "esp"), (58, "icmpv6"),
                     (132, "sctp"), (255, "reserved")):
    LAYER.refused(f"protocol-{name}", "unsupported-protocol",
                  lambda s, n=number: s.data(ip={"proto": n}))

# RFC 1122 3.2.1.7: not for hosts to judge
LAYER.delivered("ttl-0", lambda s: s.data(ip={"ttl": 0}))
LAYER.delivered("ttl-1", lambda s: s.data(ip={"ttl": 1}))
LAYER.delivered("reserved-flag", lambda s: s.data(ip={"flags": "evil+DF"}))  # RFC 3514
LAYER.delivered("no-dont-fragment", lambda s: s.data(ip={"flags": 0}))
LAYER.delivered("traffic-class-255", lambda s: s.data(ip={"tos": 255}))
LAYER.delivered("id-0", lambda s: s.data(ip={"id": 0}))

LAYER.refused("destination-other", "not-ours-address", lambda s: s.data(ip={"dst": "192.0.2.77"}))
LAYER.refused("destination-broadcast", "not-ours-address",
              lambda s: s.segment("S", ip={"dst": "255.255.255.255"}))
LAYER.refused("destination-multicast", "not-ours-address",
              lambda s: s.segment("S", ip={"dst": "224.0.0.1"}))
# RFC 9293 3.9.2.3, MUST-63: a SYN from an address that is nobody's
LAYER.refused("source-broadcast", "malformed-ip-source", from_source("255.255.255.255"))
LAYER.refused("source-multicast", "malformed-ip-source", from_source("224.0.0.1"))
LAYER.refused("source-unspecified", "malformed-ip-source", from_source("0.0.0.0"))
# Legal inside a host, and the kernel lets none in from elsewhere.
LAYER.harmless("source-loopback", from_source("127.0.0.1"), answers=["S."])


@LAYER.fault("id-repeated")
def id_repeated(s):
    for _ in range(3):
        s.send_data(s.data(ip={"id": 7}))


@LAYER.fault("all-lengths-of-a-syn")
def all_lengths_of_a_syn(s):
    """A total length shorter than the bytes there are: they are padding, and the SYN ends early."""
    whole = s.segment("S", options=bytes.fromhex("020405b4"))
    for length in range(20, 44):
        short = with_ipv4_checksum(with_bytes(whole, 2, struct.pack("!H", length)))
        s.send(short, "truncated-tcp")


@LAYER.fault("ihl-grows-with-options")
def ihl_grows(s):
    """Every legal header length."""
    for words in range(1, 11):
        s.send_data(with_tcp_checksum(with_ipv4_options(s.data(), b"\x01" * 4 * words)))
