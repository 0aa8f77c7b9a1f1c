"""The strictest opinion that conntrack can have: not one packet invalid, whatever the network does.

    client ──cable── router ──cable── server        the addresses of the world "routed"

be_liberal and loose are off, so that a packet outside of what conntrack has seen of a connection,
and any but a SYN outside of one, is counted and dropped. The cables lose, double, hold back and
delay frames, from a seed. What is lost between its sender and the router is lost before conntrack
has seen it, what is lost behind the router, after.
"""

import math
import re
import signal
import sys
import time

import pytest

import lab as laboratory
from cable import Cable
from conftest import SERVER4, SERVER6, World, make_strict, total, wait_for_another, wait_until
from test_attack import mac
from test_phantun import start_on_tun
from traffic import FLOWS, LONG, begin, open_flows, received, start_application



def cabled_router(lab):
    world = World(lab, lab.host("client"), lab.host("server"), lab.host("router"))
    world.near = Cable(lab, world.client, world.router, ("eth0", "inner"),
                       (("10.1.0.2/24", "10.1.0.1/24"), ("fd01::2/64", "fd01::1/64")))
    world.far = Cable(lab, world.router, world.server, ("outer", "eth0"),
                      (("10.77.0.1/24", "10.77.0.2/24"), ("fd77::1/64", "fd77::2/64")))
    world.client.ip("route", "add", "default", "via", "10.1.0.1")
    world.client.ip("-6", "route", "add", "default", "via", "fd01::1")
    make_strict(world.router)
    return world


WORLDS = {"ftun-ipv4": ("ftun", SERVER4), "ftun-ipv6": ("ftun", f"[{SERVER6}]"),
          "phantun-ipv4": ("phantun", SERVER4)}


@pytest.fixture(name="strict", scope="module", params=WORLDS.values(), ids=WORLDS.keys())
def fixture_strict(request, tmp_path_factory):
    """A server that lives through all of a world's tests; each has a client of its own."""
    with laboratory.Lab(tmp_path_factory.mktemp("strict")) as lab:
        world = cabled_router(lab)
        world.peer, world.remote = request.param[0], f"{request.param[1]}:4567"
        world.ftun_server = world.start_server()
        yield world


FAULTS = {  # at the cable near the client, at the one near the server
    "none": ((), ()),
    "one-percent-lost-everywhere": (("--drop", 1), ("--drop", 1)),
    "ten-percent-lost-before-conntrack": (("--drop", 10, "--toward", "right"),
                                          ("--drop", 10, "--toward", "left")),
    "ten-percent-lost-after-conntrack": (("--drop", 10, "--toward", "left"),
                                         ("--drop", 10, "--toward", "right")),
    "reordered": (("--hold", 10), ("--hold", 10)),
    "doubled": (("--double", 10), ("--double", 10)),
    "all-at-once": (("--drop", 3, "--hold", 5, "--hold-ms", 30, "--double", 5, "--delay-ms", 10),) * 2,
}


EXPECTED_LOSS = {  # of a crossing; an echo makes two
    "none": 0, "reordered": 0, "doubled": 0, "one-percent-lost-everywhere": 0.02,
    "ten-percent-lost-before-conntrack": 0.1, "ten-percent-lost-after-conntrack": 0.1,
    "all-at-once": 0.06,
}


def refused(*ends):
    """What they had no room for: acknowledgments, too, may wait for half a second for a processor."""
    return sum(total(end, name) for end in ends
               for name in ("window-full", "socket-overflow", "tunnel-overflow"))


def assert_delivered(figures, count, loss, disordered, no_room):
    """`loss` is the share that the cables let fall; more than six standard deviations is none of
    theirs. What they hold back at the end may come when nobody listens any more."""
    missing = count - figures["received"] if not disordered else figures["lost"]
    fallen, held = loss * count, 0.01 * count if disordered else 0
    assert missing <= fallen + 6 * math.sqrt(fallen) + held + no_room, (figures, no_room)
    assert figures["received"] > count / 2, figures  # no stall
    assert figures["corrupted"] == 0
    assert figures["late"] == 0 or disordered


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_invalid_whatever_the_network_does(strict, fault):
    """Handshakes, data and closes; and of the data as much arrives as the cables let through."""
    before = strict.dropped("invalid")
    for cable, faults in zip((strict.near, strict.far), FAULTS[fault]):
        cable.suffer(*faults, "--seed", 4)
    tunnel = strict.start_client("--peer", strict.peer, remote=strict.remote)
    application = start_application(strict)
    count, loss = 1000 * LONG, EXPECTED_LOSS[fault]
    # slowly: in half a second less than a window
    flows = open_flows(strict, tunnel, ("up", "down", "both"), count=count, size=100, rate=500)
    strict.ftun_server.wait_for("established")
    full = refused(tunnel, strict.ftun_server)
    begin(flows)
    up, down, both = received(flows, application)
    full = refused(tunnel, strict.ftun_server) - full
    assert tunnel.stop() == 0
    assert strict.dropped("invalid") == before
    disordered = fault in ("reordered", "doubled", "all-at-once")
    assert_delivered(up, count, loss, disordered, full)
    assert_delivered(down, count, loss, disordered, full)
    assert_delivered(both, count, 2 * loss, disordered, full)


# --- the counter -----------------------------------------------------------------------------------

CRAFT = """
import sys
from scapy.all import IP, TCP, Ether, sendp
source, target, mac = sys.argv[1:4]
for segment in sys.argv[4:]:
    sport, dport, seq, ack = map(int, segment.split())
    sendp(Ether(dst=mac) / IP(src=source, dst=target) /
          TCP(sport=sport, dport=dport, flags="A", seq=seq % 2**32, ack=ack % 2**32, window=100) /
          b"forged", iface="eth0", verbose=False)
"""


def sequence_numbers(tunnel):
    """Of the client's first flow, from its log: its port, its and the server's next numbers."""
    tunnel.wait_for(r"> \S+:\d+ \S+:4567 \. \d+:\d+\(0\) ack \d+")
    port, seq, ack = re.search(r"> \S+:(\d+) \S+:4567 \. (\d+):\d+\(0\) ack (\d+)",
                               tunnel.log()).groups()
    return port, int(seq), int(ack)


def test_the_counter_counts_what_is_outside_of_the_window_in_either_direction(routed):
    """Without this, the zeros everywhere else could mean that nobody counts."""
    routed.start_server()
    tunnel = routed.start_client("--log", "debug")
    routed.start_sink("--echo")
    assert routed.echo(count=10)["echoed"] == 10
    port, seq, ack = sequence_numbers(tunnel)
    up = ("10.1.0.2", SERVER4, mac(routed.router, "inner"))
    down = (SERVER4, "10.77.0.1", mac(routed.router, "outer"))
    gigabyte = 1 << 30
    forge = ("/usr/bin/python3", "-c", CRAFT)
    routed.client.run(*forge, *up, f"{port} 4567 {seq} {ack}")  # made the same way, but within
    assert routed.dropped("invalid") == 0
    routed.client.run(*forge, *up, f"{port} 4567 {seq + gigabyte} {ack}",
                      f"{port} 4567 {seq} {ack + gigabyte}", f"1 4567 {seq} {ack}")  # no connection
    wait_until(lambda: routed.dropped("invalid") == 3)
    routed.server.run(*forge, *down, f"4567 {port} {ack + gigabyte} {seq}",
                      f"4567 {port} {ack} {seq + gigabyte}")
    wait_until(lambda: routed.dropped("invalid") == 5)
    assert routed.echo(count=10)["echoed"] == 10


# --- timeouts --------------------------------------------------------------------------------------

# Datagrams of 1000 bytes, 1 kB/s on average, in bursts of three.
ONE_KILOBYTE_A_SECOND = {"count": 6 * LONG, "size": 1000, "rate": 1, "burst": 3}


def shorten(router, seconds, *names):
    """Conntrack forgets a connection that was silent for so long, in the states of these names."""
    for name in names:
        router.sysctl(f"net.netfilter.nf_conntrack_tcp_timeout_{name}", seconds)


def test_F12_one_kilobyte_a_second_one_way_outlives_the_unacknowledged_timeout(routed):
    """Conntrack gives data that nobody has acknowledged 300 s, here 2, with 3 between the bursts.
    Delayed ACKs make that the 5 days of an established connection."""
    shorten(routed.router, 2, "unacknowledged", "max_retrans")
    routed.start_server()
    application = start_application(routed)
    tunnels = [routed.start_client("--peer", peer, "--keepalive", "off", local=f"127.0.0.1:{port}")
               for peer, port in (("ftun", 5000), ("phantun", 5002))]
    flows = [flow for tunnel, port in zip(tunnels, (5000, 5002))
             for flow in open_flows(routed, tunnel, ("up", "down"), **ONE_KILOBYTE_A_SECOND,
                                    port=port)]
    begin(flows)
    arrived = [figures["received"] for figures in received(flows, application)]
    assert routed.dropped("invalid") == 0
    assert arrived == [ONE_KILOBYTE_A_SECOND["count"]] * 4


@pytest.fixture(name="cabled")
def fixture_cabled(lab):
    return cabled_router(lab)


def test_idle_flows_outlive_every_timeout_of_an_open_connection(cabled):
    """What is sent up first is lost where conntrack had seen it: data that nobody will ever
    acknowledge. Five seconds later, all comes through. Keepalive probes hold the flows."""
    shorten(cabled.router, 4, "established", "unacknowledged", "max_retrans")
    cabled.start_server()
    application = start_application(cabled)
    tunnel = cabled.start_client("--keepalive", "1")
    flows = open_flows(cabled, tunnel, ("up", "down", "both"), count=10, size=100, rate=1, burst=5)
    cabled.far.suffer("--drop", 100, "--toward", "right")
    begin(flows)
    time.sleep(1)
    assert cabled.far.suffer()["right"]["dropped"] > 10
    time.sleep(1)  # in which a client that began to doubt its connections may have new ones
    before = tunnel.log().count(" established")
    up, down, both = received(flows, application)
    assert cabled.dropped("invalid") == 0
    assert tunnel.log().count(" established") == before  # none was given up for a new one
    assert (up["received"], down["received"], both["received"]) == (5, 10, 5)


# Conntrack forgets a handshake a second after its SYN-ACK, which is when the SYN is repeated. It may
# still know of it when that SYN passes, and no more when its SYN-ACK does, whoever sends the two.
FORGETFUL = """
table inet forgetful {
    chain judge {
        type filter hook prerouting priority mangle - 1; policy accept;
        ct state invalid tcp flags & (syn | ack) == syn | ack drop
    }
}
"""


@pytest.mark.parametrize("cable", ["near", "far"])
def test_a_handshake_outlives_its_timeouts(cabled, cable):
    """SYN-ACKs are lost, after conntrack has seen them or before, for longer than it keeps what it
    knows of a handshake."""
    shorten(cabled.router, 1, "syn_sent", "syn_recv")
    cabled.router.nft(FORGETFUL)
    cabled.start_server()
    application = start_application(cabled)
    tunnel = cabled.start_client()
    end = getattr(cabled, cable)
    end.suffer("--drop", 100, "--toward", "left")
    flow = cabled.client.start(sys.executable, FLOWS, "both", "127.0.0.1", 5000, 10, 100, 100)
    time.sleep(3.5)
    assert end.suffer()["left"]["dropped"] >= 2
    tunnel.wait_for(" established")
    begin([flow])
    assert [figures["received"] for figures in received([flow], application)] == [10]
    assert cabled.dropped("invalid") == 0


CLOSING = ("fin_wait", "close_wait", "last_ack", "time_wait", "close")


@pytest.mark.parametrize("lost", ["", "near left", "far right"])
def test_a_close_and_what_follows_it(cabled, lost):
    """By idle timeout. FINs are lost when conntrack has seen them; it soon forgets, and
    nothing comes after that but a new connection."""
    shorten(cabled.router, 4, *CLOSING)
    cabled.start_server()
    cabled.start_sink("--echo")
    tunnel = cabled.start_client("--idle-timeout", "1", "--keepalive", "off")
    assert cabled.echo(count=3)["echoed"] == 3
    if lost:
        cable, direction = lost.split()
        getattr(cabled, cable).suffer("--drop", 100, "--toward", direction)
        tunnel.wait_for(r"flow \d+ closed")
        time.sleep(1)
        assert getattr(cabled, cable).suffer()[direction]["dropped"] > 0
    time.sleep(5)
    assert cabled.echo(count=3)["echoed"] == 3
    assert cabled.dropped("invalid") == 0


# --- Phantun itself ------------------------------------------------------------------------------

PHANTUN = "192.168.201.2"


@pytest.fixture(name="phantun")
def fixture_phantun(routed):
    """A Phantun server behind the strict router, and a client of ours."""
    for host, gateway in ((routed.client, "10.1.0.1"), (routed.router, "10.77.0.2")):
        host.ip("route", "add", "192.168.201.0/24", "via", gateway)
    routed.server.sysctl("net.ipv4.ip_forward", 1)
    routed.phantun = start_on_tun(routed.server, "192.168.201.1", "server", "pt0", PHANTUN, 4567)
    routed.tunnel = routed.start_client("--peer", "phantun", remote=f"{PHANTUN}:4567")
    for host, device in ((routed.server, "pt0"), (routed.client, "ftun0")):
        host.ip("link", "set", device, "txqueuelen", 10 * 1000 * LONG)  # for all that is sent
    return routed


def talk_to_phantun(world, kind, count, pause=0.01):
    """Datagrams of 1400 bytes, 20 at a time, `pause` seconds between, once the flow is established;
    returns how many of them a Phantun server received, and how many of its answers came back."""
    before = world.phantun.log().count(" len 1400")
    established = world.tunnel.log().count(" established")
    client = world.client.start(sys.executable, "-c", BURSTS, kind, count, pause)
    wait_for_another(world.tunnel, " established", established)
    client.send_signal(signal.SIGUSR1)
    assert client.wait(300) == 0
    answers = int(client.log())
    return world.phantun.log().count("len 1400") - before - answers, answers


BURSTS = """
import signal, socket, sys, time
kind, count = sys.argv[1].encode(), int(sys.argv[2])
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
s.connect(("127.0.0.1", 5000))
s.settimeout(5)
s.send(kind)
signal.sigwait({signal.SIGUSR1})
for i in range(count):
    if i % 20 == 0 and i > 0:
        time.sleep(float(sys.argv[3]))
    s.send(kind.ljust(1400, b"."))
answers = 0
try:
    while answers < count:
        answers += len(s.recv(2000)) == 1400
except TimeoutError:
    pass
print(answers)
"""


def test_F13_a_phantun_server_that_never_answers_is_sent_to_without_end(phantun):
    """Its SYN-ACK's window is 64 KiB, and it acknowledges nothing for 128 MiB: beyond that window
    conntrack would call all of it invalid."""
    count = 1000 * LONG
    received, _ = talk_to_phantun(phantun, "up", count)
    assert phantun.dropped("invalid") == 0
    assert received > 0.9 * count  # a busy machine may drop some


def test_F12_the_same_to_a_server_that_never_acknowledges_is_forgotten(phantun):
    """That the test above can fail: Phantun acknowledges after 128 MiB."""
    shorten(phantun.router, 2, "unacknowledged")
    talk_to_phantun(phantun, "up", 40, pause=2.5)
    assert phantun.dropped("invalid") > 0


def test_F13_a_phantun_server_that_answers_gets_and_sends_all(phantun):
    count = 1000 * LONG
    received, answers = talk_to_phantun(phantun, "both", count)
    assert phantun.dropped("invalid") == 0
    assert received > 0.9 * count and answers > 0.9 * count
