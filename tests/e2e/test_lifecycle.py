"""Starting, ending, dying, coming back: what is left behind, and how soon traffic flows again."""

import json
import pathlib
import re
import signal
import time

import pytest

from conftest import FTUN, READY, SERVER4, attached, result, total, wait_until


def traces(host):
    """All that ftun ever sets up in a host."""
    return {
        "tables": host.run("nft", "list", "tables").stdout.split("\n")[:-1],
        "links": [link["ifname"] for link in json.loads(host.run("ip", "-j", "link").stdout)],
        "forwarding": [host.sysctl(f"net.ipv4.conf.eth0.{name}") for name in ("forwarding",)] +
                      [host.sysctl("net.ipv6.conf.all.forwarding"),
                       host.sysctl("net.ipv6.conf.eth0.accept_ra"),
                       host.sysctl("net.ipv4.ip_forward")],
    }


def test_F28_signals_remove_everything_and_exit_0(pair):
    before = traces(pair.client), traces(pair.server)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        server, client = pair.start_server(), pair.start_client()
        sink = pair.start_sink("--echo")
        pair.echo()
        assert traces(pair.client) != before[0] and traces(pair.server) != before[1]
        assert client.stop(number) == 0
        assert server.stop(number) == 0
        sink.stop()
        assert (traces(pair.client), traces(pair.server)) == before


def test_F28_kill_leaves_no_table_and_no_tun(pair):
    before = traces(pair.client), traces(pair.server)
    server, client = pair.start_server(), pair.start_client()
    pair.start_sink("--echo")
    pair.echo()
    for process in (server, client):
        process.stop(signal.SIGKILL)
    for host, old in zip((pair.client, pair.server), before):
        new = traces(host)
        assert (new["tables"], new["links"]) == (old["tables"], old["links"])


@pytest.mark.attach("nat")
def test_F28_forwarding_left_by_a_kill_is_put_back_by_the_next_start(pair):
    before = traces(pair.server)
    pair.start_server().stop(signal.SIGKILL)
    assert pair.server.sysctl("net.ipv4.conf.eth0.forwarding") == "1"
    assert pair.start_server().stop() == 0
    assert traces(pair.server) == before


def test_forwarding_that_was_on_stays_on(pair):
    pair.server.sysctl("net.ipv4.conf.eth0.forwarding", 1)
    assert pair.start_server().stop() == 0
    assert pair.server.sysctl("net.ipv4.conf.eth0.forwarding") == "1"


@pytest.mark.attach("nat")
def test_forwarding_stays_on_while_another_instance_needs_it(pair):
    first = pair.start_server()
    second = pair.start_server(local="4568")
    assert first.stop() == 0
    assert pair.server.sysctl("net.ipv4.conf.eth0.forwarding") == "1"
    assert second.stop() == 0
    assert pair.server.sysctl("net.ipv4.conf.eth0.forwarding") == "0"


def test_forwarding_that_ftun_switched_on_leads_only_to_its_tun(pair, lab):
    """A host that was no router does not become one for others."""
    third = lab.host("third")
    lab.link(pair.server, third, ("eth1", "eth0"), (("10.88.0.1/24", "10.88.0.2/24"),))
    third.ip("route", "add", "default", "via", "10.88.0.1")
    pair.client.ip("route", "add", "10.88.0.0/24", "via", "10.77.0.2")
    pair.start_server()
    ping = ("ping", "-c", "1", "-W", "1", "10.88.0.2")
    assert pair.client.run(*ping, check=False).returncode != 0


def test_forwarding_that_somebody_else_switches_on_meanwhile_stays_on(pair):
    """Docker, a VPN, the administrator: the host is a router now."""
    server = pair.start_server()
    pair.server.sysctl("net.ipv4.ip_forward", 1)
    assert server.stop() == 0
    assert pair.server.sysctl("net.ipv4.conf.eth0.forwarding") == "1"


def test_a_server_may_start_before_its_link_is_up(pair):
    pair.server.ip("link", "set", "eth0", "down")
    pair.start_server()
    pair.server.ip("link", "set", "eth0", "up")
    pair.start_client()
    pair.start_sink("--echo")
    traffic_is_back(pair)


def test_a_link_too_small_for_ipv6_is_no_obstacle(pair, lab):
    third = lab.host("third")
    lab.link(pair.server, third, ("tiny0", "tiny0"), (("10.88.0.1/24", "10.88.0.2/24"),), mtu=1000)
    pair.start_server()
    pair.start_client()
    pair.start_sink("--echo")
    assert pair.echo()["echoed"] == 100


def test_a_held_lock_of_a_stranger_does_not_matter(pair):
    """Anybody may lock a file that anybody may open: ftun's is its own."""
    holder = pair.client.start("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                               "flock", "/proc/self/ns/net", "sh", "-c", "echo held; sleep 600")
    holder.wait_for("held")
    client = pair.start_client()
    assert client.stop() == 0


def test_what_conntrack_finds_invalid_is_not_answered_by_the_host(routed):
    """A segment far outside the window, from the client's address: the server's kernel must not
    reset the connection for it."""
    routed.router.run("nft", "delete", "chain", "inet", "strict", "forward")
    server = routed.start_server()
    client = routed.start_client("--log", "debug")
    routed.start_sink("--echo")
    traffic_is_back(routed)
    time.sleep(0.3)  # until the delayed ACK: the RST would carry its number
    port, sequence, ack = re.findall(r"> \S+:(\d+) 10\.77\.\S+ \S+ (\d+):\S+ ack (\d+)",
                                     client.log())[-1]
    routed.router.run("/usr/bin/python3", "-c", f"""
from scapy.all import IP, TCP, send
send(IP(src="10.77.0.1", dst="10.77.0.2") / TCP(sport={port}, dport=4567, flags="PA",
     seq=({sequence} + (1 << 30)) % 2**32, ack={ack}) / b"blind", verbose=False)
""")
    time.sleep(0.3)
    assert "reset" not in client.log() and "closed" not in server.log()
    assert routed.echo(count=10)["echoed"] == 10


def test_F27_another_programs_flush_leaves_the_table(pair):
    pair.start_server()
    pair.start_client()
    pair.start_sink("--echo")
    for host in (pair.client, pair.server):
        host.run("nft", "flush", "ruleset", check=False)
    assert pair.echo()["echoed"] == 100


def traffic_is_back(world):
    """Wait until an echo comes back, each tried for at most 100 ms."""
    script = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 6000))
s.connect(("127.0.0.1", 5000))
s.settimeout(0.1)
for _ in range(600):
    try:
        s.send(b"are you there, far away? ....")
        s.recv(2000)
        sys.exit(0)
    except ConnectionRefusedError:
        time.sleep(0.1)
    except TimeoutError:
        pass
sys.exit(1)
"""
    world.client.run("/usr/bin/python3", "-c", script)


# How soon is what tests/sim shows. Here silence proves nothing: what brings traffic back is what the
# other end, or its host, answers.
NOT_BY_SILENCE = ("--dead-after", "3600")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("who", ["server", "client"])
def test_F17_traffic_is_back_after_a_restart(routed, who, number):
    """The application keeps its socket; the router keeps its idea of the old connection."""
    start = {"server": routed.start_server, "client": lambda: routed.start_client(*NOT_BY_SILENCE)}
    running = {end: start[end]() for end in start}
    routed.start_sink("--echo")
    traffic_is_back(routed)
    running[who].stop(number)
    start[who]()
    traffic_is_back(routed)


def test_F17_traffic_is_back_when_the_server_was_away_for_a_while(routed):
    server = routed.start_server()
    routed.start_client(*NOT_BY_SILENCE)
    routed.start_sink("--echo")
    traffic_is_back(routed)
    server.stop(signal.SIGKILL)
    routed.echo(count=3, patience=1)  # into the void
    routed.start_server()
    traffic_is_back(routed)


def test_F17_all_flows_are_closed_by_fin_at_shutdown(pair):
    server = pair.start_server()
    client = pair.start_client()
    sink = pair.start_sink()
    pair.send("--flows", "200", "--count", "2000", "--size", "100", "--rate", "2000")
    assert client.stop() == 0
    wait_until(lambda: total(server, "flows-closed") == 200)
    assert result(sink)["flows"] == 200


SAY_NOTHING = """
import socket
connection = socket.create_connection(("%s", 4567))
print("connected", flush=True)
print("closed by", "FIN" if connection.recv(1) == b"" else "data", flush=True)
""" % SERVER4


def test_F17_a_connection_that_has_carried_nothing_is_closed_by_fin_too(pair):
    """The server has no flow of it yet."""
    server = pair.start_server()
    silent = pair.client.start("/usr/bin/python3", "-c", SAY_NOTHING)
    silent.wait_for("connected")
    server.stop()
    silent.wait_for("closed by FIN")


def test_F30_ten_instances_without_options(pair):
    """Ten clients and ten servers; names and addresses are chosen by themselves."""
    for i in range(10):
        pair.start_server(local=str(4600 + i), remote=f"127.0.0.1:{5100 + i}")
        pair.start_sink("--echo", listen=f"127.0.0.1:{5100 + i}")
        pair.start_client(local=f"127.0.0.1:{5200 + i}", remote=f"10.77.0.2:{4600 + i}")
    for i in range(10):
        assert pair.echo(count=20, to=f"127.0.0.1:{5200 + i}")["echoed"] == 20


@pytest.mark.attach("nat")
def test_F30_instances_that_start_at_once_choose_different_addresses(pair):
    clients = [pair.client.start(*attached(FTUN, "client", "--local", f"127.0.0.1:{5300 + i}",
                                           "--remote", "10.77.0.2:4567")) for i in range(5)]
    own = {client.wait_for(r"is up: ([0-9.]+)").group(1) for client in clients}
    for client in clients:
        client.wait_for(READY)
    assert len(own) == 5


def netns_cookie(host):
    """What no other network namespace has had since the system was booted."""
    return host.run("/usr/bin/python3", "-c", """
import socket, sys
cookie = socket.socket().getsockopt(socket.SOL_SOCKET, 71, 8)  # SO_NETNS_COOKIE, asm-generic/socket.h
print(int.from_bytes(cookie, sys.byteorder))
""").stdout.strip()


def test_nothing_is_left_below_run(pair):
    """Of these hosts: there may be others, whose instances come and go."""
    state = [pathlib.Path(f"/run/ftun/net-{netns_cookie(host)}")
             for host in (pair.server, pair.client)]
    server, client = pair.start_server(), pair.start_client()
    assert any(directory.exists() for directory in state)
    assert client.stop() == 0 and server.stop() == 0
    assert not any(directory.exists() for directory in state)
