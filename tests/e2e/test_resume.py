"""Between two ftun ends a reconnect resumes: the service sees the same source port as before, and
nobody else gets that port by what he has seen. docs/resumption.md says how."""

import re
import signal
import subprocess
import time

from conftest import BUILD, SERVER4, connect, laboratory, total, wait_until

PYTHON = "/usr/bin/python3"
RECORD = 48  # bytes: resume_token.h
ANSWER = 24

SERVICE = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 5001))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(2000)
    s.sendto(b"%s %d" % (data, peer[1]), peer)
"""

# asks ten times a second, and prints what it asked and the port that it was seen from
APPLICATION = """
import itertools, socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.1)
for number in itertools.count():
    s.sendto(b"%d" % number, ("127.0.0.1", 5000))
    end = time.monotonic() + 0.1
    try:
        while time.monotonic() < end:
            print(s.recv(2000).decode(), flush=True)
    except socket.timeout:
        pass
"""

STRANGER = """
import socket, sys
s = socket.create_connection(("%s", 4567), timeout=60)
s.send(bytes.fromhex(sys.argv[1]))
print("answer", s.recv(2000).hex(), flush=True)
s.send(b"mine")
print("echoed", s.recv(2000).decode(), flush=True)
""" % SERVER4


class Tunnel:
    """A server before a service that tells its callers their ports, a client, an application."""

    def __init__(self, world):
        self.world = world
        world.server.start(PYTHON, "-u", "-c", SERVICE).wait_for("ready")
        self.server, self.client = world.start_server(), world.start_client()
        self.application = world.client.start(PYTHON, "-u", "-c", APPLICATION)
        self.wait_for_answers(1)

    def answers(self):
        """(number of the question, port that it was seen from), in order of arrival."""
        lines = self.application.log().splitlines(keepends=True)
        return [tuple(map(int, line.split())) for line in lines if line.endswith("\n")]

    def wait_for_answers(self, more):
        before = len(self.answers())
        end = time.monotonic() + laboratory.PATIENCE
        while len(self.answers()) < before + more:
            assert time.monotonic() < end, f"{self.client.log()}\n{self.server.log()}"
            time.sleep(0.02)

    def ports(self):
        return {port for _, port in self.answers()}

    def resumed(self):
        return self.server.log().count(" goes on over a new connection")

    def wait_until_resumed(self, times):
        end = time.monotonic() + laboratory.PATIENCE
        while self.resumed() < times:
            assert time.monotonic() < end, f"{self.client.log()}\n{self.server.log()}"
            time.sleep(0.02)
        self.wait_for_answers(3)

    def assert_resumed(self, times):
        """So often at least: a connection that is not answered for a while, as when the machine is
        busy, is followed by another one, too. Both ends count the same."""
        assert total(self.client, "flows-resumed") == total(self.server, "flows-resumed") >= times

    def assert_one_port(self):
        assert len(self.ports()) == 1, self.answers()
        assert total(self.server, "flows-opened") == 1
        assert total(self.client, "flows-opened") == 1


def forget_connections(router):
    """The NAT has been restarted: it drops what belongs to no flow that it has seen begin."""
    router.run("conntrack", "-F")


def reset_connections(router):
    """A middlebox answers a segment of the client's with an RST, as the server would, and does so
    again: an RST that an answer has overtaken is not exact, and not believed."""
    router.nft("table inet resets { chain forward { type filter hook forward priority -5; "
               "iifname inner tcp dport 4567 tcp flags & syn == 0 "
               "limit rate 1/second burst 1 packets reject with tcp reset; }; }")
    return lambda: router.run("nft", "delete", "table", "inet", "resets")


def test_the_service_sees_the_same_port_after_the_nat_has_forgotten_the_flow(routed):
    tunnel = Tunnel(routed)
    for times in range(1, 4):
        forget_connections(routed.router)
        tunnel.wait_until_resumed(times)
    tunnel.assert_one_port()
    tunnel.assert_resumed(3)


def test_F08_the_service_sees_the_same_port_after_the_client_was_reset(routed):
    tunnel = Tunnel(routed)
    cease = reset_connections(routed.router)
    tunnel.client.wait_for("reset by the peer; connecting anew")
    cease()
    tunnel.wait_until_resumed(1)
    tunnel.assert_one_port()


def test_F08_the_service_sees_the_same_port_after_the_server_was_reset(routed):
    """A middlebox answers a segment of the server's as the client would; the server knows nothing
    of the connection any more, and so the client is reset by what it sends next."""
    tunnel = Tunnel(routed)
    routed.router.nft("table inet resets { chain forward { type filter hook forward priority -5; "
                      "iifname outer tcp sport 4567 tcp flags & (syn | psh) == psh "
                      "limit rate 1/second burst 1 packets reject with tcp reset; }; }")
    tunnel.client.wait_for("connecting anew")
    routed.router.run("nft", "delete", "table", "inet", "resets")
    tunnel.wait_until_resumed(1)
    tunnel.assert_one_port()


def test_F19_the_service_sees_the_same_port_after_the_client_has_slept(routed):
    tunnel = Tunnel(routed)
    tunnel.client.send_signal(signal.SIGSTOP)
    forget_connections(routed.router)
    time.sleep(3)
    tunnel.client.send_signal(signal.SIGCONT)
    tunnel.wait_until_resumed(1)
    tunnel.assert_one_port()


HOLD = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", int(sys.argv[1])))
print("held", flush=True)
time.sleep(3600)
"""


def test_a_server_that_was_restarted_begins_a_flow(routed):
    tunnel = Tunnel(routed)
    before = tunnel.ports()
    tunnel.server.stop(signal.SIGKILL)
    # nobody else is to have the flow's port now, not even by chance
    routed.server.start(PYTHON, "-u", "-c", HOLD, *before).wait_for("held")
    tunnel.server = routed.start_server()
    tunnel.wait_for_answers(5)
    assert len(tunnel.ports() - before) == 1
    assert re.search(r"flow \d+ (established|goes on)", tunnel.server.log())[1] == "established"
    resumed = tunnel.resumed()
    forget_connections(routed.router)
    tunnel.wait_until_resumed(resumed + 1)  # with what the new server has given it
    assert len(tunnel.ports() - before) == 1


QUESTIONS, ANSWERS = ("dport", "sport"), ("sport", "dport")


def payloads(capture, direction=QUESTIONS):
    """Payloads towards the server's port, or from it, by client's port, in order; of a capture that
    may still be written."""
    from scapy.all import PcapReader, TCP, raw
    server, client = direction
    found = {}
    with PcapReader(str(capture)) as packets:
        for packet in packets:
            if TCP in packet and getattr(packet[TCP], server) == 4567 and raw(packet[TCP].payload):
                port = getattr(packet[TCP], client)
                found.setdefault(port, []).append(raw(packet[TCP].payload))
    return found


def watch(world):
    capture = world.lab.directory / "server.pcap"
    tcpdump = world.server.start("tcpdump", "-ni", "eth0", "-s", "0", "--immediate-mode", "-U",
                                 "-w", capture, "tcp port 4567")
    tcpdump.wait_for("listening on")
    return capture, tcpdump


def test_a_record_that_was_seen_takes_over_no_flow(routed, lab):
    """By a host beside the path, over the kernel's TCP: first all that the client has shown."""
    capture, tcpdump = watch(routed)
    tunnel = Tunnel(routed)
    forget_connections(routed.router)
    tunnel.wait_until_resumed(1)
    wait_until(lambda: len(payloads(capture)) >= 2)
    tcpdump.stop()
    records = [sent[0] for sent in payloads(capture).values()]
    assert all(len(record) == RECORD for record in records)
    stranger = lab.host("stranger")
    connect(lab, routed.router, stranger, ("inner4", "eth0"), "10.9.0.", "fd09::")
    stranger.ip("route", "add", "default", "via", "10.9.0.1")
    for record in records:
        process = stranger.start(PYTHON, "-u", "-c", STRANGER, record.hex())
        answer = process.wait_for(r"answer (\w+)").group(1)
        assert len(bytes.fromhex(answer)) == ANSWER
        assert bytes.fromhex(answer)[:8] != record[32:40] or record[32:40] == bytes(8)
        port = int(process.wait_for(r"echoed mine (\d+)").group(1))
        assert port not in tunnel.ports()
    tunnel.assert_resumed(1)
    resumed = tunnel.resumed()
    forget_connections(routed.router)
    tunnel.wait_until_resumed(resumed + 1)  # the client's own next record is as good as ever
    assert len(tunnel.ports()) == 1


def replayed(capture, *options):
    return subprocess.run([BUILD / "ftun-replay", "--events", *options, capture], check=True,
                          capture_output=True, text=True, timeout=60).stdout


def test_ftun_replay_tells_records_from_datagrams(routed):
    capture, tcpdump = watch(routed)
    tunnel = Tunnel(routed)
    forget_connections(routed.router)
    tunnel.wait_until_resumed(1)
    wait_until(lambda: len(payloads(capture)) >= 2 and len(payloads(capture, ANSWERS)) >= 2)
    tcpdump.stop()
    observed = replayed(capture)
    assert observed.count("resume record") >= 2 and observed.count("resume answer") >= 2
    for role in ("client", "server"):
        played = replayed(capture, "--role", role)
        assert played.count("resume record") >= 2 and played.count("resume answer") >= 2
        assert "bytes 48 " not in played and "bytes 24 " not in played  # delivered


def test_records_are_seen_by_neither_application(routed):
    tunnel = Tunnel(routed)
    for times in range(1, 3):
        forget_connections(routed.router)
        tunnel.wait_until_resumed(times)
    tunnel.application.stop()
    assert total(tunnel.server, "datagrams-delivered") <= total(tunnel.client, "datagrams-sent")
    numbers = [number for number, _ in tunnel.answers()]
    assert numbers == sorted(set(numbers))
    assert routed.dropped("udp") == 0
