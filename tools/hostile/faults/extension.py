"""IPv6 extension headers (RFC 8200 4)."""

from faults import Layer
from packets import (DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, ROUTING, extension, with_bytes,
                     with_extensions)

LAYER = Layer("extension")

AUTHENTICATION, ESP, NO_NEXT_HEADER, MOBILITY, HOST_IDENTITY, SHIM6 = 51, 50, 59, 135, 139, 140
ATOMIC_FRAGMENT = bytes.fromhex("0000 0000 01020304".replace(" ", ""))


def refused(name, verdict, build, **properties):
    LAYER.refused(name, verdict, build, family=6, **properties)


def delivered(name, build, **properties):
    LAYER.delivered(name, build, family=6, **properties)


def chain(*headers):
    return lambda s: with_extensions(s.data(), *headers)


def option(text, units=0):
    """A header that holds these options, padded to its length."""
    body = bytes.fromhex(text.replace(" ", ""))
    return extension(body + b"\0" * (units * 8 + 6 - len(body)))


def routing(kind, segments_left, addresses=0):
    return extension(bytes([kind, segments_left]) + b"\0" * (4 + 16 * addresses))


PAD = extension()

delivered("hop-by-hop", chain((HOP_BY_HOP, PAD)))
delivered("destination-options", chain((DESTINATION_OPTIONS, PAD)))
delivered("routing-done", chain((ROUTING, routing(0, 0))))
delivered("routing-unknown-done", chain((ROUTING, routing(200, 0, 1))))
delivered("fragment-atomic", chain((FRAGMENT, ATOMIC_FRAGMENT)))
delivered("recommended-order", chain((HOP_BY_HOP, PAD), (DESTINATION_OPTIONS, PAD),
                                     (ROUTING, routing(0, 0)), (FRAGMENT, ATOMIC_FRAGMENT),
                                     (DESTINATION_OPTIONS, PAD)))
delivered("destination-options-8-times", chain(*[(DESTINATION_OPTIONS, PAD)] * 8))
refused("destination-options-9-times", "unsupported-extension",
        chain(*[(DESTINATION_OPTIONS, PAD)] * 9))
refused("destination-options-150-times", "unsupported-extension",
        chain(*[(DESTINATION_OPTIONS, PAD)] * 150))
delivered("router-alert", chain((HOP_BY_HOP, option("05 02 0000 0100"))))
delivered("option-padding-of-1000-bytes",
          chain((DESTINATION_OPTIONS, extension((b"\x01\xf8" + b"\0" * 248) * 4 + b"\0" * 6))))

# RFC 8200 4: a next header of 0 anywhere but in the IPv6 header is unrecognized
refused("hop-by-hop-second", "unsupported-extension",
        chain((DESTINATION_OPTIONS, PAD), (HOP_BY_HOP, PAD)))
refused("hop-by-hop-twice", "unsupported-extension", chain((HOP_BY_HOP, PAD), (HOP_BY_HOP, PAD)))
# RFC 5095 3, RFC 8200 4.4: segments left, and no routing type that ftun knows
refused("routing-0-segments-left", "unsupported-extension", chain((ROUTING, routing(0, 1, 1))))
refused("routing-0-255-segments-left", "unsupported-extension", chain((ROUTING, routing(0, 255))))
refused("routing-unknown-segments-left", "unsupported-extension",
        chain((ROUTING, routing(200, 1, 1))))
refused("segment-routing", "unsupported-extension", chain((ROUTING, routing(4, 2, 2))))

refused("authentication-header", "unsupported-protocol",
        chain((AUTHENTICATION, extension(bytes(10), length=1))))
refused("esp", "unsupported-protocol", chain((ESP, bytes(16))))
refused("no-next-header", "unsupported-protocol",
        lambda s: with_bytes(s.data(), 6, [NO_NEXT_HEADER]))
refused("no-next-header-behind-options", "unsupported-protocol",
        lambda s: with_extensions(with_bytes(s.data(), 6, [NO_NEXT_HEADER]),
                                  (DESTINATION_OPTIONS, PAD)))
refused("mobility", "unsupported-protocol", chain((MOBILITY, PAD)))
refused("host-identity", "unsupported-protocol", chain((HOST_IDENTITY, PAD)))
refused("shim6", "unsupported-protocol", chain((SHIM6, PAD)))

for kind, name in ((HOP_BY_HOP, "hop-by-hop"), (DESTINATION_OPTIONS, "destination-options"),
                   (ROUTING, "routing")):
    refused(f"{name}-length-beyond-packet", "truncated-ip", chain((kind, extension(length=255))))
    refused(f"{name}-length-one-beyond", "truncated-ip", lambda s, k=kind: with_extensions(
        s.data(b"\0" * 4), (k, extension(length=4))))


def ends_with(kind, header):
    """A packet that is nothing but its extension header, or a part of it."""
    return lambda s: bytes(s.ip(nh=kind, plen=len(header))) + header


refused("names-itself-and-ends", "truncated-ip",
        ends_with(DESTINATION_OPTIONS, bytes([DESTINATION_OPTIONS]) + PAD[1:]))
refused("cut-after-2-bytes", "truncated-ip", ends_with(HOP_BY_HOP, b"\x06\0"))
refused("cut-after-7-bytes", "truncated-ip",
        ends_with(DESTINATION_OPTIONS, b"\x06\0\x01\x04\0\0\0"))
refused("fragment-header-cut", "truncated-ip", ends_with(FRAGMENT, b"\x06\0\0\0"))
refused("routing-header-cut", "truncated-ip", ends_with(ROUTING, b"\x06\x02\0\0\0\0\0\0"))
refused("nothing-behind", "truncated-tcp", ends_with(HOP_BY_HOP, b"\x06\0\x01\x04\0\0\0\0"))
refused("header-missing", "truncated-ip", lambda s: bytes(s.ip(nh=HOP_BY_HOP)))
refused("jumbo-payload", "truncated-ip", lambda s: with_bytes(with_extensions(
    s.data(), (HOP_BY_HOP, option("c2 04 00010000"))), 4, b"\0\0"))
refused("jumbo-payload-and-length", "unsupported-extension", lambda s: with_extensions(
    s.data(), (HOP_BY_HOP, option("c2 04 00000054"))))

# RFC 8200 4.2: what the two highest bits of an unrecognized option's type ask for
delivered("option-unknown-to-skip", chain((DESTINATION_OPTIONS, option("1e 04 deadbeef"))))
for kind, name in ((HOP_BY_HOP, "hop-by-hop"), (DESTINATION_OPTIONS, "destination-options")):
    refused(f"{name}-unknown-to-discard", "unsupported-extension",
            chain((kind, option("5e 04 deadbeef"))))
refused("option-unknown-to-discard-and-tell", "unsupported-extension",
        chain((DESTINATION_OPTIONS, option("9e 04 deadbeef"))))
refused("option-unknown-to-discard-and-tell-unicast", "unsupported-extension",
        chain((DESTINATION_OPTIONS, option("de 04 deadbeef"))))
refused("option-length-beyond-header", "unsupported-extension",
        chain((DESTINATION_OPTIONS, option("01 ff 0000 0000"))))
refused("option-without-length", "unsupported-extension",
        chain((DESTINATION_OPTIONS, option("01 03 000000 1e"))))


@LAYER.fault("fragment-atomic-twice", family=6)
def fragment_atomic_twice(s):
    """Legal to the letter: each is the header of a whole packet."""
    s.send_data(with_extensions(s.data(), (FRAGMENT, ATOMIC_FRAGMENT), (FRAGMENT, ATOMIC_FRAGMENT)))


for number, name in ((HOP_BY_HOP, "hop-by-hop"), (ROUTING, "routing"),
                     (DESTINATION_OPTIONS, "destination-options")):
    LAYER.refused(f"{name}-in-ipv4", "unsupported-protocol",
                  lambda s, n=number: s.data(ip={"proto": n}))
