"""Packets that belong to no connection, sent to a port; what comes back is printed as JSON.

    stranger.py DEVICE SOURCE DESTINATION PORT

Runs in the network namespace of the stranger, whose kernel must not answer for it."""

import json
import socket
import sys
import time

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

SEQUENCE, ACKNOWLEDGMENT = 1_000_000, 2_000_000
PATIENCE = 0.15  # seconds: an answer takes a millisecond
MSS = [("MSS", 1460)]

PACKETS = {
    "syn": TCP(flags="S", options=MSS),
    "syn without options": TCP(flags="S"),
    "syn with data": TCP(flags="S", options=MSS) / Raw(b"data"),
    "syn with ack number": TCP(flags="S", ack=ACKNOWLEDGMENT, options=MSS),
    "syn ece cwr": TCP(flags="SEC", options=MSS),
    "syn psh urg": TCP(flags="SPU", options=MSS),
    "syn with an unknown option": TCP(flags="S", options=[("MSS", 1460), (99, b"odd")]),
    "syn with mss 0": TCP(flags="S", options=[("MSS", 0)]),
    "syn with window 0": TCP(flags="S", window=0, options=MSS),
    "syn fin": TCP(flags="SF", options=MSS),
    "syn rst": TCP(flags="SR", options=MSS),
    "syn ack": TCP(flags="SA", ack=ACKNOWLEDGMENT, options=MSS),
    "null": TCP(flags=0),
    "null with data": TCP(flags=0) / Raw(b"data"),
    "fin": TCP(flags="F"),
    "xmas": TCP(flags="FPU"),
    "urg": TCP(flags="U", urgptr=1) / Raw(b"data"),
    "psh": TCP(flags="P") / Raw(b"data"),
    "ack": TCP(flags="A", ack=ACKNOWLEDGMENT),
    "ack 0": TCP(flags="A"),
    "ack with data": TCP(flags="PA", ack=ACKNOWLEDGMENT) / Raw(b"data"),
    "fin ack": TCP(flags="FA", ack=ACKNOWLEDGMENT),
    "fin psh urg ack": TCP(flags="FPUA", ack=ACKNOWLEDGMENT),
    "ack urg": TCP(flags="AU", ack=ACKNOWLEDGMENT, urgptr=1) / Raw(b"data"),
    "ack ece": TCP(flags="AE", ack=ACKNOWLEDGMENT),
    "rst": TCP(flags="R"),
    "rst ack": TCP(flags="RA", ack=ACKNOWLEDGMENT),
    "all flags": TCP(flags="FSRPAU", ack=ACKNOWLEDGMENT),
}


def described(answer):
    """An answer without what must differ: numbers are told by what they are made of. The window and
    the options of a SYN-ACK are the profile's, and compared elsewhere."""
    ip, tcp = answer, answer[TCP]
    numbers = {SEQUENCE + n: f"seq + {n}" for n in range(10)}
    numbers |= {ACKNOWLEDGMENT + n: f"ack + {n}" for n in range(10)} | {0: "0"}
    what = {
        "flags": str(tcp.flags), "ack": numbers.get(tcp.ack, "any"),
        "ttl": ip.hlim if IPv6 in ip else ip.ttl, "tos": ip.tc if IPv6 in ip else ip.tos,
        "payload": len(tcp.payload), "urgent pointer": tcp.urgptr, "reserved": tcp.reserved,
    }
    if IPv6 not in ip:
        what |= {"id": ip.id, "ip flags": str(ip.flags)}
    if "S" not in str(tcp.flags):
        what |= {"seq": numbers.get(tcp.seq, "any"), "window": tcp.window,
                 "options": [name for name, _ in tcp.options]}
    return what


def answers(wire, port, sport):
    """What comes from there to here until it is quiet."""
    found = []
    end = time.monotonic() + PATIENCE
    while (left := end - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            frame = Ether(wire.recv(65536))
        except TimeoutError:
            break
        if TCP in frame and frame[TCP].sport == port and frame[TCP].dport == sport:
            found.append(described(frame.payload))
    return found


def main():
    device, source, destination, port, mac = sys.argv[1:]
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind((device, 0))
    ip = (IPv6 if ":" in source else IP)(src=source, dst=destination)
    result = {}
    for number, (name, tcp) in enumerate(PACKETS.items()):
        segment = tcp.copy()
        segment.sport, segment.dport, segment.seq = 20000 + number, int(port), SEQUENCE
        wire.send(bytes(Ether(dst=mac) / ip / segment))
        result[name] = answers(wire, int(port), segment.sport)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
