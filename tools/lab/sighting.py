"""What a capture shows of one TCP connection, packet by packet and in figures that can be compared.

Reads the headers by itself: scapy takes a millisecond for each packet.
"""

import dataclasses
import statistics
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
OPTION_NAMES = {1: "nop", 2: "mss", 3: "ws", 4: "sok", 8: "ts"}


@dataclasses.dataclass
class Segment:
    """The fields that a middlebox can see."""
    at: float            # seconds
    source: int          # port
    destination: int
    version: int
    ttl: int
    traffic_class: int   # DSCP and ECN
    ip_id: int           # IPv4; 0 of IPv6
    dont_fragment: bool  # of IPv6: always
    flow_label: int      # IPv6
    sequence: int
    acknowledgment: int
    flags: int
    reserved: int
    window: int
    urgent: int
    options: list        # of (name, value)
    len: int             # bytes of payload

    def has(self, flags):
        return self.flags & flags == flags

    def option(self, name):
        return next((value for kind, value in self.options if kind == name), None)

    def end(self):
        return self.sequence + self.len + bool(self.flags & (SYN | FIN))


def _options(data):
    found, at = [], 0
    while at < len(data) and data[at] != 0:
        kind = data[at]
        length = 1 if kind == 1 else data[at + 1]
        body = data[at + 2:at + length]
        value = {2: lambda: int.from_bytes(body, "big"), 3: lambda: body[0],
                 8: lambda: struct.unpack("!II", body)}.get(kind, lambda: None)()
        found.append((OPTION_NAMES.get(kind, str(kind)), value))
        at += length
    return found


def _segment(at, packet):
    version = packet[0] >> 4
    if version == 4:
        header, total = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
        ttl, traffic_class, label = packet[8], packet[1], 0
        ip_id, dont_fragment = int.from_bytes(packet[4:6], "big"), bool(packet[6] & 0x40)
    else:
        header, total = 40, 40 + int.from_bytes(packet[4:6], "big")
        first = int.from_bytes(packet[:4], "big")
        ttl, traffic_class, label = packet[7], first >> 20 & 0xff, first & 0xfffff
        ip_id, dont_fragment = 0, True
    tcp = packet[header:]
    source, destination, sequence, acknowledgment, offset, flags, window, _, urgent = struct.unpack(
        "!HHIIBBHHH", tcp[:20])
    options = _options(tcp[20:(offset >> 4) * 4])
    return Segment(at, source, destination, version, ttl, traffic_class, ip_id, dont_fragment, label, sequence,
                   acknowledgment, flags, offset & 15, window, urgent, options,
                   total - header - (offset >> 4) * 4)


def read(path):
    """The TCP segments of a pcap file of an Ethernet."""
    data = path.read_bytes()
    assert data[:4] == bytes.fromhex("d4c3b2a1"), "not a pcap file of tcpdump's"
    found, at = [], 24
    while at + 16 <= len(data):
        seconds, micros, kept, _ = struct.unpack("<IIII", data[at:at + 16])
        found.append(_segment(seconds + micros / 1e6, data[at + 16 + 14:at + 16 + kept]))
        at += 16 + kept
    return found


def flows(segments, server_port):
    """The connections, in the order of their SYNs, each a list of segments."""
    ports = [s.source for s in segments if s.has(SYN) and not s.has(ACK)]
    return [[s for s in segments if {s.source, s.destination} == {port, server_port}]
            for port in dict.fromkeys(ports)]


def is_whole(flow):
    """Nothing was lost, repeated or turned round, on the way or by the capture."""
    expected = {}
    for segment in flow:
        if segment.has(RST):
            continue
        if expected.setdefault(segment.source, segment.sequence) != segment.sequence:
            return False
        expected[segment.source] = segment.end() % 2**32
    return True


# --- what must be equal ------------------------------------------------------------------------

def _without_clock(options):
    return [(name, None if name == "ts" else value) for name, value in options]


def _handshake_segment(segment):
    echo = (segment.option("ts") or (0, 0))[1]
    return {"flags": segment.flags, "reserved bits": segment.reserved, "window": segment.window,
            "urgent pointer": segment.urgent, "options": _without_clock(segment.options),
            "echoes": echo != 0, "ip id is 0": segment.ip_id == 0,
            "sequence is 0": segment.sequence == 0,
            "acknowledgment is 0": segment.acknowledgment == 0}


def _steps(values, modulus):
    return sorted({(b - a) % modulus for a, b in zip(values, values[1:])})


def _clock_runs_in_ms(segments):
    stamped = [s for s in segments if s.option("ts")]
    if not stamped:
        return None
    first, last = stamped[0], stamped[-1]
    ticks = (last.option("ts")[0] - first.option("ts")[0]) % 2**32
    return abs(ticks - (last.at - first.at) * 1000) < 20


def _echoes_are_the_peers(flow, port):
    """Each echo is a value that the peer had sent."""
    sent, right = set(), True
    for segment in flow:
        stamps = segment.option("ts")
        if stamps is None:
            continue
        if segment.source != port:
            sent.add(stamps[0])
        elif segment.has(ACK):
            right &= stamps[1] in sent
    return right


def right_edges(flow, port):
    """(segment, right edge of its window) of one side; sequence numbers do not wrap here but by
    chance, so relative to the first."""
    mine = [s for s in flow if s.source == port]
    peer = next(s for s in flow if s.source != port)
    scale = next((s.option("ws") for s in mine if s.has(SYN)), None) or 0
    if peer.option("ws") is None:
        scale = 0
    for segment in mine:
        if segment.has(ACK) and not segment.has(RST):
            shift = 0 if segment.has(SYN) else scale
            acknowledged = (segment.acknowledgment - peer.sequence) % 2**32
            yield segment, acknowledged + (segment.window << shift)


def keeps_within_window(flow, port):
    """No byte that this side sends is beyond what the peer had advertised when it was captured."""
    first = next(s for s in flow if s.source == port).sequence
    peer = next(s.source for s in flow if s.source != port)
    edges = {id(segment): edge for segment, edge in right_edges(flow, peer)}
    edge, kept = 0, True
    for segment in flow:
        edge = max(edge, edges.get(id(segment), 0))
        if segment.source == port and segment.len > 0:
            kept &= (segment.sequence + segment.len - first) % 2**32 <= edge
    return kept


def _never_move_left(edges):
    return all(a <= b for a, b in zip(edges, edges[1:]))


def _pushes(segments):
    """How many segments there are from one PSH to the next, usually."""
    runs, run = [], 0
    for segment in segments:
        run += 1
        if segment.has(PSH):
            runs.append(run)
            run = 0
    return statistics.mode(runs) if runs else None


def _side(flow, port):
    mine = [s for s in flow if s.source == port]
    plain = [s for s in mine if not s.has(SYN)]
    data = [s for s in plain if s.len > 0]
    largest = max(s.len for s in flow)
    return {
        "handshake": _handshake_segment(mine[0]),
        "ttl": sorted({s.ttl for s in mine}),
        "traffic class": sorted({s.traffic_class for s in mine}),
        "don't fragment": sorted({s.dont_fragment for s in mine}),
        "flow label": [s == 0 for s in {s.flow_label for s in mine}],
        "ip id, step": _steps([s.ip_id for s in plain], 2**16),
        "options": sorted({tuple(name for name, _ in s.options) for s in plain}),
        "reserved bits": sorted({s.reserved for s in plain}),
        "flags": sorted({s.flags for s in plain}),
        "first window": plain[0].window,
        "right edge never moves left": _never_move_left([e for _, e in right_edges(flow, port)]),
        "keeps within the window": keeps_within_window(flow, port),
        "segments to a push, bulk": _pushes([s for s in data if s.len == largest]),
        "segments to a push, else": _pushes([s for s in data if s.len != largest]),
        "timestamps tick in ms": _clock_runs_in_ms(mine),
        "echoes are the peer's": _echoes_are_the_peers(flow, port),
    }


def _bulk(flow):
    """Of the bulk part: the data, and what the server answers while they come."""
    client, largest = flow[0].source, max(s.len for s in flow)
    data = [s for s in flow if s.source == client and s.len == largest]
    answers = [s for s in flow if s.source != client and data[0].at < s.at and
               not s.flags & (SYN | FIN) and s.len == 0 and
               (data[-1].end() - s.acknowledgment) % 2**32 < 2**31]
    return data, answers


def _window_growth(flow):
    """How the server's window grows with what it receives. How fast depends on how fast the kernel
    finds its reader to be: by up to two bytes for each. ftun's grows faster on purpose
    (receive_window.h), as one with a larger buffer would."""
    server = flow[0].destination
    answers = {id(s) for s in _bulk(flow)[1]}
    first = flow[0].sequence
    sizes = [((s.acknowledgment - first) % 2**32, edge - (s.acknowledgment - first) % 2**32)
             for s, edge in right_edges(flow, server) if id(s) in answers]
    if not sizes:
        return None
    received, begin = sizes[0]
    return {"grows": sizes[-1][1] > begin,
            "in proportion": all(size - begin <= 16 * (r - received) + begin for r, size in sizes)}


def _in_short(flow, segments):
    client = flow[0].source
    return ["<>"[s.source == client] + "".join(
        letter for bit, letter in ((SYN, "S"), (FIN, "F"), (RST, "R"), (PSH, "P"), (ACK, "."))
        if s.flags & bit) for s in segments]


def identity(flow):
    """What two stacks that are the same show alike, in every conversation."""
    client, server = flow[0].source, flow[0].destination
    return {"begins": _in_short(flow, flow[:4]), "ends": _in_short(flow, flow[-3:]),
            "client": _side(flow, client), "server": _side(flow, server),
            "server's window": _window_growth(flow)}


# --- what must be alike ------------------------------------------------------------------------

def cadence(flow):
    """Figures that are as near to each other as those of the same stack in two conversations."""
    data, answers = _bulk(flow)
    pings = [s for s in flow if s.len == 100]
    among_pings = [s for s in flow if pings[0].at < s.at < pings[-1].at and s.len == 0]
    in_pings = [s.window for s in flow if pings[0].at <= s.at <= pings[-1].at and
                s.source == flow[0].destination]
    return {
        "acknowledgments in bulk": len(answers),
        "segments in bulk": len(data),
        "acknowledgments among pings, +5": 5 + len(among_pings),
        "window among pings, last to first": in_pings[-1] / in_pings[0],
    }
