"""ftun speaks with Phantun, as client and as server; phantun_peer.py is Phantun here."""

import pathlib
import sys

import pytest

import phantun_peer
from conftest import ROOT

PEER = pathlib.Path(__file__).with_name("phantun_peer.py")
CAPTURE = ROOT / "pcaps" / "peers" / "phantun-v4.pcap"


def real_session():
    """The TCP packets of a real Phantun session, from the IP header on."""
    from scapy.all import PcapReader, raw
    with PcapReader(str(CAPTURE)) as packets:
        return [raw(packet["IP"]) for packet in packets if "TCP" in packet]


def test_the_scripted_peer_makes_phantuns_packets_byte_for_byte():
    packets = real_session()
    for packet in packets:
        s = phantun_peer.Segment(packet)
        made = phantun_peer.build(s.source, s.destination, s.sequence, s.ack, s.flags, s.payload)
        forwarded = bytearray(packet)  # captured after one hop: put TTL and checksum back
        forwarded[8] += 1
        forwarded[10:12] = b"\0\0"
        forwarded[10:12] = phantun_peer.checksum(bytes(forwarded[:20])).to_bytes(2, "big")
        assert bytes(forwarded[:len(made)]) == made
    assert len(packets) == 92


@pytest.fixture(name="phantun_server")
def fixture_phantun_server(pair):
    """A Phantun server at 192.168.201.2, a TUN in the server host."""
    pair.client.ip("route", "add", "192.168.201.0/24", "via", "10.77.0.2")
    pair.server.sysctl("net.ipv4.ip_forward", 1)
    return start_on_tun(pair.server, "192.168.201.1", "server", "pt0", "192.168.201.2", 4567)


def start_on_tun(host, own, *arguments):
    host.ip("tuntap", "add", "dev", "pt0", "mode", "tun")
    host.ip("addr", "add", own, "peer", arguments[2], "dev", "pt0")
    host.ip("link", "set", "pt0", "up")
    process = host.start(sys.executable, PEER, *arguments)
    process.wait_for("ready")
    return process


def lines_of(peer):
    """Without repeated ones: a SYN that is not answered within a second is sent again."""
    return list(dict.fromkeys(peer.log().splitlines()))


ASK = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(60)
for word in sys.argv[1:]:
    s.sendto(word.encode(), ("127.0.0.1", 5000))
    print(s.recv(2000).decode())
"""


def test_a_client_finds_out_that_the_server_is_phantun(pair, phantun_server):
    client = pair.start_client(remote="192.168.201.2:4567")
    answers = pair.client.run(sys.executable, "-c", ASK, "one", "two", "three").stdout.split()
    assert answers == ["ONE", "TWO", "THREE"]
    client.wait_for("the peer speaks Phantun")
    lines = lines_of(phantun_server)
    assert lines[2].startswith("> R. seq 0 ack")  # the answer to a SYN whose number is not 0
    assert lines[3:7] == ["< S seq 0 ack 0 len 0", "> S. seq 0 ack 1 len 0",
                          "< . seq 1 ack 1 len 0", "< . seq 1 ack 1 len 3"]


def test_a_client_told_so_begins_phantuns_way(pair, phantun_server):
    pair.start_client("--peer", "phantun", remote="192.168.201.2:4567")
    assert pair.client.run(sys.executable, "-c", ASK, "one").stdout.split() == ["ONE"]
    assert lines_of(phantun_server)[1] == "< S seq 0 ack 0 len 0"


def test_a_client_closes_phantuns_way(pair, phantun_server):
    client = pair.start_client("--peer", "phantun", remote="192.168.201.2:4567")
    pair.client.run(sys.executable, "-c", ASK, "one")
    assert client.stop() == 0
    phantun_server.wait_for("< R seq 4 ")


def test_the_handshake_packet_goes_first(pair, phantun_server, tmp_path):
    greeting = tmp_path / "greeting"
    greeting.write_bytes(b"GET / HTTP/1.1\r\n\r\n")
    pair.start_client("--peer", "phantun", "--handshake-packet", greeting,
                      remote="192.168.201.2:4567")
    pair.client.run(sys.executable, "-c", ASK, "one")
    lines = lines_of(phantun_server)
    assert lines[4:6] == ["< . seq 1 ack 1 len 18", "> . seq 1 ack 19 len 18"]


ANSWER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 5001))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(2000)
    s.sendto(data.upper(), peer)
"""


def test_a_server_takes_a_phantun_client(pair, tmp_path):
    pair.server.ip("route", "add", "192.168.200.0/24", "via", "10.77.0.1")
    pair.client.sysctl("net.ipv4.ip_forward", 1)
    pair.server.start(sys.executable, "-c", ANSWER).wait_for("ready")
    server = pair.start_server()
    words = tmp_path / "words"
    words.write_text("one\ntwo\nthree\n")
    pair.client.ip("tuntap", "add", "dev", "pt0", "mode", "tun")
    pair.client.ip("addr", "add", "192.168.200.1", "peer", "192.168.200.2", "dev", "pt0")
    pair.client.ip("link", "set", "pt0", "up")
    peer = pair.client.run("sh", "-c", f"exec {sys.executable} {PEER} client pt0 192.168.200.2 "
                                       f"10.77.0.2 4567 < {words}")
    datagrams = [line for line in peer.stdout.splitlines() if line.startswith("datagram")]
    assert datagrams == ["datagram ONE", "datagram TWO", "datagram THREE"]
    server.wait_for("the peer speaks Phantun")
    server.wait_for("closed: reset by the peer")
