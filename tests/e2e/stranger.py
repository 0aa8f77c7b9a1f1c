"""Packets that belong to no connection, sent to a port; what comes back is printed as JSON.

    stranger.py DEVICE SOURCE DESTINATION PORT

Runs in the network namespace of the stranger, whose kernel must not answer for it. Each packet is
followed by a SYN of another port, of the same worker's: what has not come before the answer to that
does not come."""

import json
import socket
import sys
import time

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

SEQUENCE, ACKNOWLEDGMENT = 1_000_000, 2_000_000
PATIENCE = 90.0  # seconds
FIRST_PORT, WORKERS = 20000, 64  # a port's low six bits say which worker's it is
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


def segments(wire, port):
    """What comes from there to here."""
    end = time.monotonic() + PATIENCE
    while (left := end - time.monotonic()) > 0:
        wire.settimeout(left)
        frame = Ether(wire.recv(65536))
        if TCP in frame and frame[TCP].sport == port:
            yield frame.payload
    raise TimeoutError("no answer to a SYN")


def answers(wire, port, sport, last):
    """What comes from there to one port before what comes to another."""
    found = []
    for answer in segments(wire, port):
        if answer[TCP].dport == last:
            return found
        if answer[TCP].dport == sport:
            found.append(described(answer))


def main():
    device, source, destination, port, mac = sys.argv[1:]
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind((device, 0))
    ip = (IPv6 if ":" in source else IP)(src=source, dst=destination)
    result = {}
    for number, (name, tcp) in enumerate(PACKETS.items()):
        sport = FIRST_PORT + number
        last = sport + WORKERS * len(PACKETS)
        for segment, source_port in (tcp.copy(), sport), (TCP(flags="S", options=MSS), last):
            segment.sport, segment.dport, segment.seq = source_port, int(port), SEQUENCE
            wire.send(bytes(Ether(dst=mac) / ip / segment))
        result[name] = answers(wire, int(port), sport, last)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
