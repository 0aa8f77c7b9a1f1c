"""Beyond what the tunnel can carry: what is dropped is counted, is the flood's, and nothing stalls."""

import json
import re
import signal

from conftest import LOAD, result, total, wait_for_another, wait_until

FLOOD = ("--mode", "gso", "--size", "1400", "--seconds", "3")
ENDLESS = (*FLOOD[:-1], "300")
LIGHT = 64  # bytes; the sink answers such datagrams alone


def start_flood(world, *options, to="127.0.0.1:5000"):
    return world.client.start(LOAD, "send", "--to", to, *(options or FLOOD))


def sent_by(floods):
    """Datagrams that the kernel took from them."""
    for flood in floods:
        assert flood.wait() == 0, flood.log()
    return sum(json.loads(flood.log().splitlines()[-1])["datagrams"] for flood in floods)


def settled(process, *counters):
    """The sum of counters, once what was in buffers has been read: a turn in which it answers reads
    from all of them, and whatever is read must be counted by one of these."""
    before, now = -1, 0
    while now != before:
        before, now = now, sum(total(process, counter) for counter in counters)
    return now


def udp_sockets(host, port):
    """Of the sockets at that port: bytes that wait in them, datagrams that they had no room for."""
    rows = [line.split() for line in host.run("cat", "/proc/net/udp").stdout.splitlines()[1:]]
    ours = [row for row in rows if row[1].endswith(f":{port:04X}")]
    return sum(int(row[4].split(":")[1], 16) for row in ours), sum(int(row[12]) for row in ours)


def overwhelm(world, client):
    """A client that runs may be as fast as any flood: it may not until its buffers have run over."""
    client.wait_for("established")
    client.send_signal(signal.SIGSTOP)
    wait_until(lambda: udp_sockets(world.client, 5000)[1] > 0)
    client.send_signal(signal.SIGCONT)
    client.wait_for("socket-overflow")


def drained(world, server, client):
    """When floods are over, nothing of them is on its way any more."""
    settled(client, "datagrams-sent", "socket-overflow", "window-full")
    settled(server, "segments-received", "tunnel-overflow")
    wait_until(lambda: udp_sockets(world.server, 5001)[0] == 0)


def start_tunnel(world, *options):
    server = world.start_server(*options)
    client = world.start_client(*options)
    sink = world.start_sink("--echo", "--echo-up-to", LIGHT)
    return server, client, sink


def test_what_the_client_has_no_room_for_is_counted_and_said(pair):
    """Datagrams sent one by one: every one is accounted for. The first flood comes while the client
    may not run, and is more than three times what a buffer holds; a client that runs may be as fast
    as the others."""
    _, client, _ = start_tunnel(pair)
    single = ("--mode", "single", "--size", "1400")
    client.send_signal(signal.SIGSTOP)
    sent = sent_by([start_flood(pair, *single, "--count", "40000", "--seconds", "60")])
    floods = [start_flood(pair, *single, "--seconds", "1.5") for _ in range(3)]
    client.send_signal(signal.SIGCONT)
    sent += sent_by(floods)
    client.wait_for("socket-overflow: more UDP came than can be sent on")
    wait_for_another(client, " established", 3)  # each flow's: what waited for that is sent
    assert settled(client, "datagrams-sent", "socket-overflow", "pending-full",
                   "window-full") == sent, client.log()
    assert total(client, "socket-overflow") > 0


def test_a_light_flow_loses_nothing_beside_floods(pair):
    """Next to nothing: a few datagrams until each flood has a buffer of its own. With one for all
    it loses a quarter. Looked at where they leave: what the far end has no room for is its own."""
    count = 200
    _, client, _ = start_tunnel(pair)
    floods = [start_flood(pair, *ENDLESS) for _ in range(3)]
    overwhelm(pair, client)
    leaving = pair.client.start("tcpdump", "-lnqi", "ftun0", "tcp dst port 4567 and len < 1440")
    leaving.wait_for("listening on")
    figures = pair.echo(count=count, size=LIGHT, interval=1000, patience=0.1)
    wait_until(lambda: count - 4 <= datagrams_in(leaving.log()) <= count)
    assert figures["corrupted"] == 0, figures
    for flood in floods:
        flood.stop()


def datagrams_in(log):
    """Light ones, of which a segment may have several, in what tcpdump has printed."""
    payloads = map(int, re.findall(r": tcp (\d+)$", log, re.MULTILINE))
    return sum(size // LIGHT for size in payloads if size % LIGHT == 0)


def test_the_first_echo_after_a_flood_is_answered(pair):
    server, client, _ = start_tunnel(pair)
    assert pair.echo(count=10, size=LIGHT)["echoed"] == 10
    sent_by([start_flood(pair) for _ in range(3)])
    drained(pair, server, client)
    figures = pair.echo(count=100, size=LIGHT)
    assert (figures["echoed"], figures["lost"]) == (100, 0)


def test_F18_a_flood_stays_in_order_and_whole(pair):
    """It changes over to a buffer of its own in the middle."""
    _, client, sink = start_tunnel(pair)
    floods = [start_flood(pair, *ENDLESS) for _ in range(3)]
    wait_for_another(client, " established", 2)
    overwhelm(pair, client)
    sent = total(client, "datagrams-sent")
    wait_until(lambda: total(client, "datagrams-sent") > 2 * sent)
    for flood in floods:
        assert flood.stop() == 0, flood.log()
    figures = result(sink)
    assert figures["flows"] == 3
    assert (figures["reordered"], figures["duplicated"], figures["corrupted"]) == (0, 0, 0)


def test_a_flood_one_way_does_not_stop_the_other_way(pair):
    """Nor what is due in time: connections are made, kept alive and closed meanwhile."""
    _, client, _ = start_tunnel(pair)
    floods = [start_flood(pair, *ENDLESS) for _ in range(3)]
    wait_for_another(client, " established", 2)
    overwhelm(pair, client)
    for _ in range(5):  # each a new flow
        assert pair.echo(count=10, size=LIGHT, patience=1)["echoed"] > 0
    assert client.stop() == 0
    assert "total flows-opened: 8" in client.log() and "total flows-closed: 8" in client.log()
    for flood in floods:
        flood.stop()


def test_what_the_server_has_no_room_for_is_counted(pair):
    """In its TUN's queue, when it may not run for a while."""
    pair.client.run("ethtool", "-K", "eth0", "tso", "off")  # each datagram is a packet,
    pair.server.run("ethtool", "-K", "eth0", "gro", "off")  # and remains one
    server, client, _ = start_tunnel(pair)
    flood = start_flood(pair, "--rate", "20000", "--size", "1400", "--seconds", "300")
    server.wait_for(" established")
    wait_until(lambda: total(server, "datagrams-delivered") >= 5000)  # the window has opened
    server.send_signal(signal.SIGSTOP)
    wait_until(lambda: dropped_by_tun(pair.server, "ftun0") > 0)
    assert flood.stop() == 0, flood.log()
    server.send_signal(signal.SIGCONT)
    assert total(server, "tunnel-overflow") > 0
    server.wait_for("tunnel-overflow: more came through the tunnel than can be delivered")
    drained(pair, server, client)
    assert pair.echo(count=100, size=LIGHT)["lost"] == 0


def dropped_by_tun(host, device):
    shown = json.loads(host.ip("-s", "-j", "link", "show", "dev", device).stdout)
    return shown[0]["stats64"]["tx"]["dropped"]


NOT_READING = """if True:
    import fcntl, struct, subprocess, sys
    TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 0x0001, 0x1000  # linux/if_tun.h
    with open("/dev/net/tun", "r+b", buffering=0) as tun:
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"mine", IFF_TUN | IFF_NO_PI))
        subprocess.run(sys.argv[1:], check=False)
"""


def test_what_a_tun_had_dropped_before_is_not_counted(pair):
    """A TUN that was there before, and whose user did not read all that came."""
    pair.client.ip("tuntap", "add", "dev", "mine", "mode", "tun")
    pair.client.ip("link", "set", "mine", "txqueuelen", "1", "up")
    pair.client.ip("addr", "add", "192.0.2.1/24", "dev", "mine")
    pair.client.run("/usr/bin/python3", "-c", NOT_READING,
                    "ping", "-c", "20", "-i", "0.01", "-W", "0.1", "192.0.2.2")
    assert dropped_by_tun(pair.client, "mine") > 0
    client = pair.start_client("--setup", "none", "--tun", "mine")
    assert client.stop() == 0
    assert "tunnel-overflow" not in client.log()
