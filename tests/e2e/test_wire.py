"""What the wire shows: TCP that adds up, as the host's own kernel would send it."""

from scapy.all import IP, TCP, IPv6, PcapReader

import burst
import conversation
import phantun_peer
from conftest import SERVER4, SERVER6


ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 5001))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(65535)
    s.sendto(data, peer)
"""


def capture(world, remote):
    """Two flows, one of a burst of 20 datagrams in one call, one of ping-pong; and their close.
    Seen on the client's wire, one packet of the wire a packet captured."""
    server = world.start_server()
    client = world.start_client(remote=f"{remote}:4567")
    world.client.run("ethtool", "-K", "eth0", "gro", "off")
    path = world.lab.directory / "wire.pcap"
    world.server.start("/usr/bin/python3", "-c", ECHO).wait_for("ready")
    with conversation.Capture(world.client, "eth0", path):
        world.client.run("/usr/bin/python3", burst.__file__, 20, 1000, "back")
        assert world.echo(count=5, size=100)["echoed"] == 5
        assert client.stop() == 0
        assert server.stop() == 0
        conversation.settle(world.client, remote.strip("[]"))
    with PcapReader(str(path)) as packets:
        return [packet for packet in packets if TCP in packet]


def by_flow(packets):
    ports = {packet[TCP].sport for packet in packets} - {4567}
    return {port: [p for p in packets if port in (p[TCP].sport, p[TCP].dport)] for port in ports}


def from_client(packets):
    return [packet for packet in packets if packet[TCP].dport == 4567]


def from_server(packets):
    return [packet for packet in packets if packet[TCP].sport == 4567]


def payload_len(packet):
    ip = packet[IP] if IP in packet else packet[IPv6]
    total = ip.len if IP in packet else ip.plen + 40
    return total - (ip.ihl * 4 if IP in packet else 40) - packet[TCP].dataofs * 4


def end(packet):
    """The sequence number after it."""
    tcp = packet[TCP]
    return (tcp.seq + payload_len(packet) + int(tcp.flags.S) + int(tcp.flags.F)) % 2**32


def first_time(flow):
    """Without what is said again to a host that has not answered in time: SYN, FIN, a probe; never
    data."""
    after, kept = {}, []
    for packet in flow:
        tcp = packet[TCP]
        again = (tcp.seq - after.get(tcp.sport, tcp.seq)) % 2**32 >= 2**31
        if not again or payload_len(packet) > 0:
            kept.append(packet)
            after[tcp.sport] = end(packet)
    return kept


def adds_up(packets):
    """Sequence numbers of one direction: each begins where the one before ended."""
    expected = None
    for packet in packets:
        if packet[TCP].flags.R:
            continue
        if expected is not None:
            assert packet[TCP].seq == expected, packet.summary()
        expected = end(packet)


def checksum_is_right(packet):
    """By the definition, over the bytes of the wire: scapy might write a packet differently."""
    if IP in packet:
        raw = bytes(packet[IP].original)[:packet[IP].len]
        header, addresses = packet[IP].ihl * 4, raw[12:20]
        assert phantun_peer.checksum(raw[:header]) == 0
    else:
        raw = bytes(packet[IPv6].original)[:packet[IPv6].plen + 40]
        header, addresses = 40, raw[8:40]
    segment = raw[header:]
    pseudo = addresses + (6).to_bytes(4, "big") + len(segment).to_bytes(4, "big")
    return phantun_peer.checksum(pseudo + segment) == 0


def assert_checksums(packets):
    for packet in packets:
        assert checksum_is_right(packet), f"{packet!r} {bytes(packet).hex()}"


def test_a_session_over_ipv4(pair):
    for host in (pair.client, pair.server):  # the capture shall show final checksums
        host.run("ethtool", "-K", "eth0", "tx", "off")
    packets = capture(pair, SERVER4)
    flows = by_flow(packets)
    assert len(flows) == 2
    for packets_of_flow in flows.values():
        flow = first_time(packets_of_flow)
        for direction in (from_client(flow), from_server(flow)):
            adds_up(direction)
            assert all(packet[IP].ttl == 64 for packet in direction)
            assert all(packet[IP].flags.DF for packet in direction)
            assert direction[-1][TCP].flags.F or direction[-2][TCP].flags.F
        syn, syn_ack, ack = flow[:3]
        assert [str(p[TCP].flags) for p in (syn, syn_ack, ack)] == ["S", "SA", "A"]
        linux = [("MSS", 1460), ("NOP", None), ("NOP", None), ("SAckOK", b""), ("NOP", None),
                 ("WScale", 10)]
        assert syn[TCP].options == syn_ack[TCP].options == linux
        assert syn_ack[IP].id == 0
        client_ids = [packet[IP].id for packet in from_client(packets_of_flow)]
        assert all((b - a) % 65536 == 1 for a, b in zip(client_ids, client_ids[1:]))
    assert_checksums(packets)


def test_a_burst_leaves_as_its_datagrams_and_pushes_only_the_last(pair):
    packets = capture(pair, SERVER4)
    flow = max(by_flow(packets).values(), key=lambda flow: sum(map(payload_len, flow)))
    data = [packet for packet in from_client(flow) if payload_len(packet) > 0]
    assert [payload_len(packet) for packet in data] == [48, 14] + [1000] * 20  # 48: resumption's
    assert [bool(packet[TCP].flags.P) for packet in data] == [True] * 2 + [False] * 19 + [True]


def test_a_session_over_ipv6(pair):
    for host in (pair.client, pair.server):
        host.run("ethtool", "-K", "eth0", "tx", "off")
    packets = capture(pair, f"[{SERVER6}]")
    for flow in map(first_time, by_flow(packets).values()):
        for direction in (from_client(flow), from_server(flow)):
            adds_up(direction)
            assert all(packet[IPv6].hlim == 64 for packet in direction)
        assert flow[0][TCP].options[0] == ("MSS", 1440)
    assert_checksums(packets)


def test_every_packet_and_action_is_a_line_of_the_debug_log(pair):
    pair.start_server()
    client = pair.start_client("--log", "debug")
    pair.start_sink("--echo")
    pair.echo(count=1, size=24)
    client.wait_for(r"debug   > 1\S+:\d+ 10\.77\.0\.2:4567 S \d+:\d+\(0\) win 64240 "
                    r"<mss 1460,nop,nop,sackOK,nop,wscale 10>")
    client.wait_for(r"debug   < 10\.77\.0\.2:4567 1\S+:\d+ S\. ")
    client.wait_for(r"debug   established flow \d+ profile linux mss 1460")
    client.wait_for(r"debug   > .* P\. \d+:\d+\(24\) ack")
    client.wait_for(r"debug   deliver flow \d+ bytes 24 stride 24")
