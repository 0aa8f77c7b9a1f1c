"""A session as a capture: raw IP packets (LINKTYPE_RAW), times and numbers always the same."""

import struct

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

import packets
from session import play

MAGIC, LINKTYPE_RAW = 0xa1b2c3d4, 101
START = 946_684_800  # seconds: the year 2000
STEP = 0.001         # seconds between two packets
CLIENT_PORT, SERVER_PORT = 40000, 4567
ADDRESSES = {4: ("10.0.0.2", "10.0.0.1"), 6: ("2001:db8::2", "2001:db8::1")}
# The end under test, as ftun-replay --end wants it.
END = {("server", 4): f"10.0.0.2:{SERVER_PORT}", ("server", 6): f"[2001:db8::2]:{SERVER_PORT}",
       ("client", 4): f"10.0.0.1:{CLIENT_PORT}", ("client", 6): f"[2001:db8::1]:{CLIENT_PORT}"}


class Recording:
    """The wire of a session (session.py) that keeps what crosses it."""

    def __init__(self, role):
        self.role = role
        self.now = 0.0
        self.packets = []  # (seconds since the start, bytes)
        self.claims = {}   # by packet number, from 1

    def addresses(self, family):
        """Ours and theirs; the client is always the first host."""
        return ADDRESSES[family] if self.role == "server" else ADDRESSES[family][::-1]

    @staticmethod
    def new_port():
        return CLIENT_PORT

    def wait(self, seconds):
        self.now += seconds

    def application_sends(self, _payload):
        """Its datagram is what our SYN and the first data tell of."""

    def _keep(self, packet):
        self.packets.append((self.now, packet))
        self.now = round(self.now + STEP, 6)

    def send(self, packet, claim):
        self._keep(packet)
        self.claims[len(self.packets)] = claim

    def receive(self, session, flags, payload, options):
        """What we would have sent. Our numbers go on from where they expect them to."""
        if flags == "S":
            session.our_port = CLIENT_PORT
        network = IPv6(src=session.us, dst=session.them) if session.family == 6 else IP(
            src=session.us, dst=session.them, id=0, flags="DF")
        acknowledgment = session.seq % 2**32 if "A" in flags else 0
        packet = bytes(network / TCP(sport=session.our_port, dport=session.their_port,
                                     seq=session.ack, ack=acknowledgment, window=65535,
                                     flags=flags) / Raw(payload))
        self._keep(packets.with_tcp_options(packet, options) if options else packet)
        return session.ack

    def capture(self):
        """The bytes of a pcap file."""
        parts = [struct.pack("<IHHiIII", MAGIC, 2, 4, 0, 0, 65535, LINKTYPE_RAW)]
        for seconds, packet in self.packets:
            microseconds = round(seconds * 1e6)
            parts.append(struct.pack("<IIII", START + microseconds // 1_000_000,
                                     microseconds % 1_000_000, len(packet), len(packet)) + packet)
        return b"".join(parts)


def record(fault):
    """The recording of a fault."""
    recording = Recording(fault.role)
    play(fault, recording)
    return recording
