"""A connection as the hostile peer sees it: "they" are the peer, "we" are the end under test.

A session runs over a wire: a recording, which becomes a capture (recording.py), or a living ftun
(tests/scapy/living.py). With each packet that they send goes a claim: what must come of it.
"""

import typing

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

import packets

TAKEN = "taken"
LINUX_OPTIONS = bytes.fromhex("020405b4 0101 0402 01 03030a".replace(" ", ""))
HOSTILE = b"A datagram that comes with a fault, or in spite of one. 64 bytes"
FIRST = b"the first datagram of the application, which opens the flow"

# Nobody answers what cannot be read, or is for somebody else.
SILENT = ("truncated-", "malformed-", "unsupported-", "tiny-fragment", "fragment-",
          "not-ours-address", "not-ours-icmp")


class Claim(typing.NamedTuple):
    """What must come of a packet: the verdict, the bytes of the datagrams delivered because of it,
    and the flags of the segments that answer it, as the trace writes them (None: whatever)."""
    verdict: str
    delivers: tuple = ()
    answers: tuple = None


def claim(verdict, delivers=(), answers=None):
    delivers = (delivers,) if isinstance(delivers, int) else tuple(delivers)
    if answers is None and verdict.startswith(SILENT):
        answers = ()
    return Claim(verdict, delivers, None if answers is None else tuple(answers))


class Session:
    """Numbers are those of the next segment that they send: `seq` its first byte, `ack` the next
    byte that they expect from us."""

    isn, our_isn = 0x10000000, 0x50000000

    def __init__(self, wire, family=4, role="server"):
        self.wire, self.family, self.role = wire, family, role
        self.us, self.them = wire.addresses(family)
        self.our_port = self.their_port = 4567
        if role == "server":
            self.their_port = wire.new_port()
        self.seq, self.ack = self.isn, self.our_isn
        self.ip_id = 0x1000
        self.opened = False
        self.exchanged = 0
        self.echoed = b""  # what we have sent last

    # --- what they send -------------------------------------------------------------------------

    def ip(self, **fields):
        """The header of a packet of theirs."""
        if self.family == 6:
            return IPv6(**{"src": self.them, "dst": self.us, "hlim": 64, **fields})
        self.ip_id += 1
        return IP(**{"src": self.them, "dst": self.us, "ttl": 64, "flags": "DF",
                     "id": self.ip_id, **fields})

    def segment(self, flags="PA", payload=b"", options=b"", ip=None, **tcp):
        """A segment of theirs as bytes, right but for the fields given."""
        header = TCP(**{"sport": self.their_port, "dport": self.our_port, "seq": self.seq % 2**32,
                        "ack": self.ack % 2**32 if "A" in flags else 0, "window": 65535,
                        "flags": flags, **tcp})
        packet = bytes(self.ip(**(ip or {})) / header / Raw(payload))
        return packets.with_tcp_options(packet, options) if options else packet

    def data(self, payload=HOSTILE, **fields):
        return self.segment("PA", payload, **fields)

    def send(self, packet, verdict=TAKEN, delivers=(), answers=None):
        """Send bytes that are claimed to end like that."""
        self.wire.send(bytes(packet), claim(verdict, delivers, answers))

    def send_data(self, packet=None, payload=HOSTILE):
        """Send data that must be delivered in spite of everything, and move on."""
        self.send(packet or self.data(payload), delivers=len(payload))
        self.seq += len(payload)

    def wait(self, seconds):
        """Nothing happens for so long."""
        self.wire.wait(seconds)

    # --- what they claim that we have sent -------------------------------------------------------

    def ours(self, payload=b"", flags="PA", ip=None, **tcp):
        """The last segment that we sent, as a router would quote it: right but for the fields."""
        network = IPv6 if self.family == 6 else IP
        header = TCP(**{"sport": self.our_port, "dport": self.their_port, "window": 65535,
                        "seq": (self.ack - len(payload)) % 2**32, "ack": self.seq % 2**32,
                        "flags": flags, **tcp})
        return bytes(network(**{"src": self.us, "dst": self.them, **(ip or {})}) / header /
                     Raw(payload))

    def quote(self, length=8, **fields):
        """Its headers, cut after `length` bytes of TCP: RFC 792 asks for 8."""
        return self.ours(**fields)[:(40 if self.family == 6 else 20) + length]

    # --- what both do ---------------------------------------------------------------------------

    def receive(self, flags, payload=b"", options=b""):
        """We send a segment: the wire says with which sequence number. They acknowledge from now on
        what it carries."""
        sequence = self.wire.receive(self, flags, payload, options)
        if "S" in flags:
            self.our_isn = sequence
        self.ack = (sequence + len(payload) + ("S" in flags or "F" in flags)) % 2**32

    def knock(self, options=LINUX_OPTIONS, **fields):
        """Their SYN, and our answer."""
        self.send(self.segment("S", options=options, **fields), answers=["S."])
        self.seq += 1
        self.receive("SA", options=LINUX_OPTIONS)

    def called(self):
        """Our SYN, since an application has sent something."""
        self.wire.application_sends(FIRST)
        self.receive("S", options=LINUX_OPTIONS)

    def accept(self, options=LINUX_OPTIONS):
        """Their SYN-ACK, and what had waited for it."""
        self.send(self.segment("SA", options=options), answers=["."])
        self.seq += 1
        self.receive("A")
        self.receive("PA", FIRST)
        self.send(self.segment("A"))
        self.opened = True

    def open(self, options=LINUX_OPTIONS):
        if self.role == "client":
            self.called()
            self.accept(options)
            return
        self.knock(options)
        self.send(self.segment("A"))
        self.opened = True

    def exchange(self):
        """A good datagram is delivered, and echoed by the application."""
        self.exchanged += 1
        payload = b"good datagram %d, to be delivered and echoed" % self.exchanged
        self.send_data(self.data(payload), payload)
        self.receive("PA", payload)
        self.echoed = payload
        self.send(self.segment("A"))

    def close(self):
        self.send(self.segment("FA"), answers=["F."])
        self.seq += 1
        self.receive("FA")
        self.send(self.segment("A"), answers=[])


def play(fault, wire):
    """A handshake, good data, the fault, and good data again, unless the fault ends the flow."""
    session = Session(wire, fault.family, fault.role)
    if fault.opened:
        session.open()
        session.exchange()
    fault.script(session)
    if fault.ends:
        return
    if not session.opened:
        session.open()
    session.exchange()
    session.close()
