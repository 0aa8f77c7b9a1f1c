"""IP fragments (RFC 791 3.2, RFC 8200 4.5): each in IPv4 and in IPv6."""

import itertools

from scapy.layers.inet import ICMP
from scapy.packet import Raw

from faults import TAKEN, Layer
from packets import (DESTINATION_OPTIONS, extension, fragment, is_ipv6, piece, with_bytes,
                     with_extensions, with_ipv4_options, with_tcp_options)
from session import HOSTILE

LAYER = Layer("fragment")
FLOOD = 300


def both(name, **properties):
    """Decorates a script for either family."""
    def decorate(script):
        for family in (4, 6):
            LAYER.add(f"{name}-ipv{family}", script, family=family, **properties)
        return script
    return decorate


def end_of(packet):
    return len(packet) - (40 if is_ipv6(packet) else 20)


def cut(packet, *at, identification=77):
    """The fragments of a packet cut at these offsets."""
    edges = (0, *at, end_of(packet))
    return [fragment(packet, start, end, identification) for start, end in zip(edges, edges[1:])]


def send_whole(s, pieces, payload=HOSTILE):
    """The last of the pieces completes the segment, and it is delivered."""
    for part in pieces[:-1]:
        s.send(part, TAKEN)
    s.send(pieces[-1], TAKEN, delivers=len(payload))
    s.seq += len(payload)


def send_all(s, verdicts):
    for part, verdict in verdicts:
        s.send(part, verdict)


# --- what must be delivered whole -----------------------------------------------------------------


@both("in-order")
def in_order(s):
    send_whole(s, cut(s.data(), 24, 48))


@both("reversed")
def reversed_order(s):
    send_whole(s, cut(s.data(), 24, 48)[::-1])


@both("every-order")
def every_order(s):
    for number, order in enumerate(itertools.permutations(range(4))):
        parts = cut(s.data(), 24, 40, 56, identification=100 + number)
        send_whole(s, [parts[i] for i in order])


@both("of-8-bytes")
def of_8_bytes(s):
    """The smallest that there can be, behind a first one with the whole TCP header."""
    send_whole(s, cut(s.data(), *range(24, 84, 8)))


@both("last-of-1-byte")
def last_of_1_byte(s):
    send_whole(s, cut(s.data(b"x" * 61), 80), b"x" * 61)


@both("of-a-full-packet")
def of_a_full_packet(s):
    """An MTU of 1500 cut for one of 576."""
    payload = b"full" * 360
    send_whole(s, cut(s.data(payload), 544, 1088), payload)


@both("128-of-one-packet")
def as_many_as_allowed(s):
    payload = b"z" * 1024
    send_whole(s, cut(s.data(payload), *range(24, 24 + 127 * 8, 8)), payload)


@both("interleaved")
def interleaved(s):
    """Two segments under way at once."""
    one = s.data()
    s.seq += len(HOSTILE)
    two = cut(s.data(), 40, identification=78)
    s.seq -= len(HOSTILE)
    one = cut(one, 40)
    s.send(one[0], TAKEN)
    s.send(two[0], TAKEN)
    send_whole(s, one[1:])
    send_whole(s, two[1:])


@both("between-good-data")
def between_good_data(s):
    """A segment completed late, behind one that came whole."""
    parts = cut(s.data(), 40)
    s.seq += len(HOSTILE)
    s.send(parts[0], TAKEN)
    s.exchange()
    s.send(parts[1], TAKEN, delivers=len(HOSTILE))


@both("id-used-again")
def id_used_again(s):
    for _ in range(3):
        send_whole(s, cut(s.data(), 40))


@both("id-0")
def id_0(s):
    send_whole(s, cut(s.data(), 40, identification=0))


@both("duplicate")
def duplicate(s):
    """An exact copy is dropped alone."""
    first, second, third = cut(s.data(), 40, 64)
    send_all(s, [(first, TAKEN), (first, "fragment-duplicate"), (third, TAKEN),
                 (third, "fragment-duplicate")])
    send_whole(s, [second])


@both("with-tcp-options")
def with_options(s):
    packet = with_tcp_options(s.data(), b"\x01" * 40)
    send_whole(s, cut(packet, 64))


@both("syn", opened=False)
def of_a_syn(s):
    first, last = cut(s.segment("S", b"data in a SYN counts for nothing"), 24)
    s.send(first, TAKEN)
    s.send(last, TAKEN, answers=["S."])


@both("rst", ends=True)
def of_a_rst(s):
    first, last = cut(s.segment("R", b"the reason, as RFC 9293 3.5.3 allows"), 24)
    s.send(first, TAKEN)
    s.send(last, TAKEN)
    s.send(s.data(), "not-ours-flow", answers=["R"])


@LAYER.fault("dont-fragment-set")
def dont_fragment_set(s):
    """RFC 6864 4.1: DF and MF together make no sense, and no harm."""
    first, last = cut(s.data(), 40)
    first = piece(s.data(), 0, first[20:], 77, True, flags="DF+MF")
    send_whole(s, [first, last])


@LAYER.fault("with-ip-options")
def with_ip_options(s):
    first, last = cut(s.data(), 40)
    send_whole(s, [with_ipv4_options(first, b"\x94\x04\0\0"), last])


@LAYER.fault("atomic-beside-real", family=6)
def atomic_beside_real(s):
    """RFC 6946 4: an atomic fragment has nothing to do with others of its id."""
    parts = cut(s.data(), 40)
    s.seq += len(HOSTILE)
    s.send(parts[0], TAKEN)
    s.send_data(fragment(s.data(), 0, 84, 77))
    s.send(parts[1], TAKEN, delivers=len(HOSTILE))


@LAYER.fault("behind-extension-headers", family=6)
def behind_extension_headers(s):
    pad = (DESTINATION_OPTIONS, extension())
    send_whole(s, [with_extensions(part, pad, pad) for part in cut(s.data(), 40)])


# --- what must not --------------------------------------------------------------------------------


@both("first-of-8-bytes")
def first_of_8_bytes(s):
    """RFC 1858 3: the flags stand in the second."""
    first, second, last = cut(s.data(), 8, 40)
    send_all(s, [(first, "tiny-fragment"), (second, "tiny-fragment"), (last, TAKEN)])


@both("first-of-16-bytes")
def first_of_16_bytes(s):
    first, second, last = cut(s.data(), 16, 40)
    send_all(s, [(first, "tiny-fragment"), (second, "tiny-fragment"), (last, TAKEN)])


@both("first-cuts-tcp-options")
def first_cuts_tcp_options(s):
    first, last = cut(with_tcp_options(s.data(), b"\x01" * 40), 24)
    send_all(s, [(first, "tiny-fragment"), (last, TAKEN)])


@both("offset-8-over-flags")
def offset_8(s):
    """RFC 3128: rewrites the flags of a harmless first fragment."""
    packet = s.data()
    send_all(s, [(fragment(packet, 0, 40, 77), TAKEN),
                 (fragment(packet, 8, 40, 77), "tiny-fragment"),
                 (fragment(packet, 40, 80, 77), TAKEN)])


def overlap(name, first, second):
    """Of two fragments that overlap nothing is delivered, nor of what comes behind them."""
    @both(name)
    def overlapping(s):
        packet = s.data()
        send_all(s, [(fragment(packet, *first, 77), TAKEN),
                     (fragment(packet, *second, 77), "fragment-overlap"),
                     (fragment(packet, 0, 40, 77), "fragment-abandoned"),
                     (fragment(packet, 40, 84, 77), "fragment-abandoned")])


overlap("overlap-of-tail", (24, 56), (48, 84))
overlap("overlap-of-head", (48, 84), (24, 56))
overlap("overlap-inside", (24, 84), (32, 48))
overlap("overlap-around", (32, 48), (24, 84))
overlap("overlap-same-start", (24, 56), (24, 64))
overlap("overlap-same-end", (40, 84), (48, 84))


@both("overlap-same-range")
def overlap_same_range(s):
    """The same place, other bytes: which of the two an observer believes, nobody knows."""
    packet = s.data()
    other = s.data(HOSTILE[::-1])
    send_all(s, [(fragment(packet, 24, 56, 77), TAKEN),
                 (fragment(other, 24, 56, 77), "fragment-overlap"),
                 (fragment(packet, 0, 24, 77), "fragment-abandoned"),
                 (fragment(packet, 56, 84, 77), "fragment-abandoned")])


@both("teardrop")
def teardrop(s):
    """The second ends before the first does (1997)."""
    packet = s.data()
    send_all(s, [(fragment(packet, 0, 56, 77), TAKEN),
                 (fragment(packet, 24, 28, 77, more=False), "fragment-overlap")])


@both("ping-of-death")
def ping_of_death(s):
    """Offset and length reach beyond 65,535 bytes (1996)."""
    send_all(s, [(fragment(s.data(), 0, 40, 77), TAKEN),
                 (piece(s.data(), 8189, b"d" * 400, 77, False), "malformed-fragment")])


@both("offset-last-possible")
def offset_last_possible(s):
    s.send(piece(s.data(), 8191, b"d" * 8, 77, False), "malformed-fragment")


@both("whole-of-65535")
def whole_of_65535(s):
    """The largest that could still be a packet never gets its middle."""
    send_all(s, [(piece(s.data(), 8180, b"d" * 55, 77, False), TAKEN)])


@both("empty")
def empty(s):
    send_all(s, [(piece(s.data(), 5, b"", 77, True), "malformed-fragment"),
                 (piece(s.data(), 5, b"", 77, False), "malformed-fragment"),
                 (piece(s.data(), 0, b"", 77, True), "malformed-fragment")])


@both("not-multiple-of-8")
def not_multiple_of_8(s):
    for length in (25, 31, 39):
        s.send(piece(s.data(), 0, s.data()[-84:][:length], 77, True), "malformed-fragment")


@both("last-twice")
def last_twice(s):
    """Two ends: nobody knows where the packet ends."""
    packet = s.data()
    send_all(s, [(fragment(packet, 64, 84, 77), TAKEN),
                 (fragment(packet, 40, 64, 77, more=False), "malformed-fragment"),
                 (fragment(packet, 0, 40, 77), "fragment-abandoned")])


@both("behind-the-last")
def behind_the_last(s):
    packet = s.data()
    send_all(s, [(fragment(packet, 40, 84, 77), TAKEN),
                 (piece(packet, 11, b"behind!!", 77, True), "malformed-fragment"),
                 (fragment(packet, 0, 40, 77), "fragment-abandoned")])


@both("last-before-others")
def last_before_others(s):
    packet = s.data()
    send_all(s, [(fragment(packet, 40, 80, 77), TAKEN),
                 (fragment(packet, 24, 36, 77, more=False), "malformed-fragment")])


@both("gap")
def gap(s):
    """The rest never comes."""
    first, _, last = cut(s.data(), 32, 56)
    send_all(s, [(first, TAKEN), (last, TAKEN)])


@both("gap-filled-too-late", living=False)
def gap_filled_too_late(s):
    first, middle, last = cut(s.data(), 32, 56)
    send_all(s, [(first, TAKEN), (last, TAKEN)])
    s.wait(3)
    s.send(middle, TAKEN)


@both("only-the-last")
def only_the_last(s):
    s.send(cut(s.data(), 40)[1], TAKEN)


@both("129-of-one-packet")
def too_many_of_one(s):
    payload = b"z" * 1100
    parts = cut(s.data(payload), *range(24, 24 + 130 * 8, 8))
    for part in parts[:128]:
        s.send(part, TAKEN)
    send_all(s, [(parts[128], "fragment-limit"), (parts[129], "fragment-abandoned")])


@both("flood-of-firsts")
def flood_of_firsts(s):
    """More packets begun than there is room for: the oldest yields, nobody else suffers."""
    for number in range(FLOOD):
        s.send(fragment(s.data(), 0, 40, 1000 + number), TAKEN)
    send_whole(s, cut(s.data(), 40))


@both("flood-of-lasts")
def flood_of_lasts(s):
    for number in range(FLOOD):
        s.send(fragment(s.data(), 40, 84, 1000 + number), TAKEN)
    send_whole(s, cut(s.data(), 40))


@both("of-udp")
def of_udp(s):
    field = "nh" if s.family == 6 else "proto"
    for start, end in ((0, 40), (40, 84)):
        s.send(fragment(s.data(), start, end, 77, **{field: 17}), "unsupported-fragment")


@both("of-icmp")
def of_icmp(s):
    field, number = ("nh", 58) if s.family == 6 else ("proto", 1)
    s.send(fragment(s.data(), 0, 40, 77, **{field: number}), "unsupported-fragment")


@both("for-another-address")
def for_another_address(s):
    for part in cut(s.data(ip={"dst": "192.0.2.9" if s.family == 4 else "2001:db8::9"}), 40):
        s.send(part, "not-ours-address")


@both("from-another-address")
def from_another_address(s):
    """Of the same id, and not of the same packet."""
    packet = s.data()
    other = s.data(ip={"src": "192.0.2.9" if s.family == 4 else "2001:db8::9"})
    send_all(s, [(fragment(packet, 0, 40, 77), TAKEN), (fragment(other, 40, 84, 77), TAKEN)])
    send_whole(s, [fragment(packet, 40, 84, 77)])


@both("whole-with-wrong-checksum")
def whole_with_wrong_checksum(s):
    first, last = cut(s.data(chksum=0x1234), 40)
    send_all(s, [(first, TAKEN), (last, "malformed-tcp-checksum")])


@both("whole-with-contradicting-flags")
def whole_with_contradicting_flags(s):
    first, last = cut(s.segment("SF", HOSTILE), 40)
    send_all(s, [(first, TAKEN), (last, "malformed-tcp-flags")])


@both("whole-outside-window")
def whole_outside_window(s):
    first, last = cut(s.data(seq=(s.seq + 2**31) % 2**32), 40)
    s.send(first, TAKEN)
    s.send(last, "sequence-outside-window", answers=["."])


@LAYER.fault("protocol-differs", family=6)
def protocol_differs(s):
    """RFC 8200 4.5: only the first fragment's next header counts. ftun refuses the others' UDP."""
    packet = s.data()
    send_all(s, [(fragment(packet, 0, 40, 77), TAKEN),
                 (fragment(packet, 40, 84, 77, nh=17), "unsupported-fragment")])


@LAYER.fault("header-chain-continues", family=6)
def header_chain_continues(s):
    """Destination options inside the first fragment: legal, and nobody's TCP."""
    inner = b"\x06" + extension()[1:] + s.data()[40:]
    send_all(s, [(piece(s.data(), 0, inner[:48], 77, True, nh=DESTINATION_OPTIONS),
                  "unsupported-fragment"),
                 (piece(s.data(), 6, inner[48:], 77, False, nh=DESTINATION_OPTIONS),
                  "unsupported-fragment")])


@LAYER.fault("fragment-in-fragment", family=6)
def fragment_in_fragment(s):
    """RFC 7112, RFC 5722: a fragment header behind a fragment header of a real fragment."""
    inner = fragment(s.data(), 0, 40, 78)[40:]
    s.send(piece(s.data(), 0, inner, 77, True, nh=44), "unsupported-fragment")


@LAYER.fault("reserved-bits-set", family=6)
def reserved_bits_set(s):
    """RFC 8200 4.5: ignored on reception."""
    send_whole(s, [with_bytes(with_bytes(part, 41, b"\xff"), 43, [part[43] | 6])
                   for part in cut(s.data(), 40)])


@LAYER.fault("reserved-flag-set")
def reserved_flag_set(s):
    packet = s.data()
    send_whole(s, [fragment(packet, 0, 40, 77, flags="evil+MF"),
                   fragment(packet, 40, 84, 77, flags="evil")])


@LAYER.fault("icmp-behind-tcp")
def icmp_behind_tcp(s):
    """The same id, another protocol: another packet (RFC 791 3.2)."""
    packet = s.data()
    echo = bytes(s.ip(proto=1, id=77, flags=0) / ICMP() / Raw(b"x" * 32))
    send_all(s, [(fragment(packet, 0, 40, 77), TAKEN), (echo, "unsupported-protocol")])
    send_whole(s, [fragment(packet, 40, 84, 77)])
