"""IPv6 headers (RFC 8200 3)."""

from faults import Layer
from packets import with_bytes

LAYER = Layer("ipv6")


def refused(name, verdict, build, **properties):
    LAYER.refused(name, verdict, build, family=6, **properties)


def delivered(name, build, **properties):
    LAYER.delivered(name, build, family=6, **properties)


def payload_length(length):
    return lambda s: s.data(ip={"plen": length})


def from_source(address):
    return lambda s: s.segment("S", ip={"src": address})


for length in (1, 39):
    refused(f"cut-to-{length}", "truncated-ip", lambda s, n=length: s.data()[:n])
refused("cut-before-payload-length", "truncated-ip", lambda s: s.data()[:-1])

for version in (0, 5, 7, 15):
    refused(f"version-{version}", "malformed-ip-version",
            lambda s, v=version: s.data(ip={"version": v}))
# Read as IPv4: no header length, and total length from the flow label.
refused("version-4", "malformed-ip-header", lambda s: s.data(ip={"version": 4}))

refused("payload-length-0", "truncated-tcp", payload_length(0))
refused("payload-length-19", "truncated-tcp", payload_length(19))
refused("payload-length-cuts-payload", "malformed-tcp-checksum", payload_length(60))
refused("payload-length-one-beyond", "truncated-ip", payload_length(85))
refused("payload-length-65535", "truncated-ip", payload_length(65535))
delivered("padding-behind", lambda s: s.data() + b"\0" * 6)
delivered("padding-of-garbage", lambda s: s.data() + b"\xff" * 200)

delivered("hop-limit-0", lambda s: s.data(ip={"hlim": 0}))
delivered("hop-limit-1", lambda s: s.data(ip={"hlim": 1}))
delivered("traffic-class-255", lambda s: s.data(ip={"tc": 255}))
delivered("flow-label-all-ones", lambda s: s.data(ip={"fl": 0xfffff}))

for number, name in ((1, "icmpv4"), (4, "ipip"), (17, "udp"), (41, "ipv6"), (132, "sctp"),
                     (255, "reserved")):
    refused(f"next-header-{name}", "unsupported-protocol",
            lambda s, n=number: with_bytes(s.data(), 6, [n]))

refused("destination-other", "not-ours-address", lambda s: s.data(ip={"dst": "2001:db8::77"}))
refused("destination-multicast", "not-ours-address",
        lambda s: s.segment("S", ip={"dst": "ff02::1"}))
refused("source-multicast", "malformed-ip-source", from_source("ff02::1"))
refused("source-unspecified", "malformed-ip-source", from_source("::"))
LAYER.harmless("source-loopback", from_source("::1"), answers=["S."], family=6)
