"""The network changes under a running tunnel: uplinks, addresses, names, servers. Nobody restarts
ftun or the application, and traffic is back after the path is. roaming.py draws the world. How soon,
tests/sim/test_return.c tells."""

import re
import signal
import time

import pytest

from conftest import FTUN, READY, World, attached, attachment, flows_of, wait_until
from roaming import SERVERS4, SERVERS6, Application, add_default_routes, make_world
from test_lifecycle import traces, traffic_is_back

NEVER = "86400"  # seconds

FAMILY = pytest.mark.parametrize("remote", [f"{SERVERS4[0]}:4567", f"[{SERVERS6[0]}]:4567"],
                                 ids=["ipv4", "ipv6"])


@pytest.fixture(name="world")
def fixture_world(lab):
    return make_world(lab)


def swallow(router, match=""):
    """From now on the router drops, without a word, what it should forward."""
    router.nft("table inet hole { chain forward { type filter hook forward priority -10; "
               f"{match} drop; }}; }}")


def swallow_no_more(router):
    router.run("nft", "delete", "table", "inet", "hole")


class Tunnel:
    """A server that echoes, a client, and the application, answered for the first time. The client
    never holds a path for dead, which would bring traffic back sooner or later whatever else fails."""

    def __init__(self, world, *options, remote=f"{SERVERS4[0]}:4567", server=(), dead_after=NEVER):
        self.world = world
        self.server = world.start_server(*server)
        world.start_sink("--echo")
        self.client = world.start_client("--dead-after", dead_after, *options, remote=remote)
        self.application = Application(world.client)
        self.application.wait_for_answer(time.monotonic())

    def is_back(self, since):
        self.application.wait_for_answer(since)
        assert self.client.running() and self.server.running()

    def assert_same_flow(self):
        """The application's flow is the one that it was, whatever became of its connections."""
        assert "closed" not in self.client.log() and len(flows_of(self.client)) == 1


def move_default_route(world, device, number):
    """A better default route than both there are."""
    add_default_routes(world.client, device, number, 50)


# --- routes, links, addresses of the client ---------------------------------------------------


@FAMILY
def test_F19_the_default_route_moves_to_another_uplink(world, remote):
    tunnel = Tunnel(world, remote=remote)
    move_default_route(world, "eth1", 2)
    tunnel.is_back(time.monotonic())
    tunnel.assert_same_flow()


@FAMILY
def test_F19_an_uplink_goes_down_and_the_other_takes_over(world, remote):
    tunnel = Tunnel(world, remote=remote)
    world.client.ip("link", "set", "eth0", "down")
    tunnel.is_back(time.monotonic())
    tunnel.assert_same_flow()


@FAMILY
def test_F19_an_uplink_is_unplugged_for_a_while(world, remote):
    """Long enough for a connection attempt or two to fail; routes go with the link."""
    world.client.ip("link", "delete", "eth1")
    tunnel = Tunnel(world, remote=remote)
    world.client.ip("link", "set", "eth0", "down")
    time.sleep(4)
    world.client.ip("link", "set", "eth0", "up")
    world.client.ip("addr", "replace", "fd01::2/64", "dev", "eth0", "nodad")
    world.client.wait_for_carrier("eth0")
    add_default_routes(world.client, "eth0", 1, 100)
    tunnel.is_back(time.monotonic())
    tunnel.assert_same_flow()
    said = [line for line in tunnel.client.log().splitlines() if "there is no route" in line]
    assert len(said) == 1


def test_F19_the_address_of_the_uplink_changes(world):
    """As by DHCP in another network with the same router address."""
    tunnel = Tunnel(world)
    world.client.ip("addr", "del", "10.1.0.2/24", "dev", "eth0")
    world.client.ip("addr", "add", "10.1.0.77/24", "dev", "eth0")
    add_default_routes(world.client, "eth0", 1, 50)
    tunnel.is_back(time.monotonic())
    tunnel.assert_same_flow()


def test_F19_the_address_of_the_uplink_is_away_for_a_while(world):
    world.client.ip("link", "delete", "eth1")
    tunnel = Tunnel(world)
    world.client.ip("addr", "del", "10.1.0.2/24", "dev", "eth0")
    time.sleep(2)
    world.client.ip("addr", "add", "10.1.0.2/24", "dev", "eth0")
    world.client.ip("route", "add", "default", "via", "10.1.0.1", "dev", "eth0")
    tunnel.is_back(time.monotonic())
    tunnel.assert_same_flow()


def test_F19_the_flow_of_an_application_that_is_silent_moves_too(world):
    """Without keepalive: the change itself is the reason to ask."""
    tunnel = Tunnel(world, "--keepalive", "off")
    tunnel.application.process.stop()
    move_default_route(world, "eth1", 2)
    tunnel.client.wait_for(r"(?s)flow \d+ established.*the way to .* is by eth1 now, from 10.2.0.2"
                           r".*flow \d+ established")
    tunnel.assert_same_flow()


def test_without_any_route_neither_the_log_nor_the_application_is_troubled(world):
    tunnel = Tunnel(world)
    lines = len(tunnel.client.log().splitlines())
    for device in ("eth0", "eth1"):
        world.client.ip("link", "set", device, "down")
    time.sleep(5)
    assert tunnel.client.running()
    said = tunnel.client.log().splitlines()[lines:]
    assert len(said) <= 8, said


def test_a_client_may_start_before_there_is_a_route(world):
    for version in ("-4", "-6"):
        for device in ("eth0", "eth1"):
            world.client.ip(version, "route", "del", "default", "dev", device)
    world.start_server()
    world.start_sink("--echo")
    client = world.start_client(remote=f"{SERVERS4[0]}:4567")
    assert f"there is no route to {SERVERS4[0]}: waiting for one" in client.log()
    application = Application(world.client)
    add_default_routes(world.client, "eth1", 2, 100)
    application.wait_for_answer(time.monotonic())


# --- what was set up, and is put back ----------------------------------------------------------


def forwarding(host, device):
    return [host.sysctl(f"net.ipv{version}.conf.{device}.{name}")
            for version, name in (("4", "forwarding"), ("6", "force_forwarding"))]


@pytest.mark.attach("nat")
def test_forwarding_follows_the_route_and_is_put_back(world):
    before = {device: forwarding(world.client, device) for device in ("eth0", "eth1")}
    tunnel = Tunnel(world)
    assert forwarding(world.client, "eth1") == before["eth1"]
    move_default_route(world, "eth1", 2)
    tunnel.is_back(time.monotonic())
    assert forwarding(world.client, "eth1") == ["1", "0"]
    assert tunnel.client.stop() == 0
    assert {device: forwarding(world.client, device) for device in before} == before


@pytest.mark.attach("nat")
def test_a_link_that_comes_later_is_guarded_like_the_others(world, lab):
    """A host does not forward for others what comes by the new link: ftun has switched that on for
    itself. What comes by the old one it forwarded before."""
    world.server.sysctl("net.ipv4.conf.eth0.forwarding", 1)
    server = world.start_server()
    stranger = lab.host("stranger")
    lab.link(world.server, stranger, ("late0", "eth0"), (("10.88.0.1/24", "10.88.0.2/24"),))
    wait_until(lambda: forwarding(world.server, "late0")[0] == "1")
    stranger.ip("route", "add", "default", "via", "10.88.0.1")
    world.router.ip("route", "add", "10.88.0.0/24", "via", "10.77.0.2")
    ping = ("ping", "-c", "1", "-W", "1", "10.77.0.1")

    def answered():
        return stranger.run(*ping, check=False).returncode == 0

    assert not answered()
    assert server.stop() == 0
    world.server.sysctl("net.ipv4.conf.late0.forwarding", 1)
    wait_until(answered)  # nothing else was in the way


def test_a_server_is_reached_by_a_link_that_comes_later(lab):
    world = World(lab, lab.host("client"), lab.host("server"))
    before = traces_without_links(world.server)
    server = world.start_server()
    lab.link(world.server, world.client, ("late0", "eth0"), (("10.77.0.2/24", "10.77.0.1/24"),))
    world.start_client()
    world.start_sink("--echo")
    traffic_is_back(world)
    assert server.stop() == 0
    assert forwarding(world.server, "late0") == ["0", "0"]
    assert traces_without_links(world.server) == before


def traces_without_links(host):
    return [host.run("nft", "list", "tables").stdout, host.sysctl("net.ipv4.ip_forward"),
            host.sysctl("net.ipv6.conf.all.forwarding")]


def test_a_link_that_vanishes_and_comes_again_is_served_again(lab):
    world = World(lab, lab.host("client"), lab.host("server"))
    world.start_server()
    world.start_sink("--echo")
    addresses = (("10.77.0.2/24", "10.77.0.1/24"),)
    for _ in range(2):
        lab.link(world.server, world.client, ("usb0", "eth0"), addresses)
        client = world.start_client()
        traffic_is_back(world)
        assert client.stop() == 0
        world.server.ip("link", "delete", "usb0")


# --- names ------------------------------------------------------------------------------------

NAME = "tunnel.example"


def test_F14_a_name_whose_address_has_changed_is_resolved_again(world):
    """The server has moved, nothing answers at its old address."""
    world.client.names(**{NAME: [SERVERS4[0]]})
    tunnel = Tunnel(world, remote=f"{NAME}:4567")
    world.client.names(**{NAME: [SERVERS4[1]]})
    swallow(world.router, f"ip daddr {SERVERS4[0]}")
    tunnel.is_back(time.monotonic())
    assert f"{NAME} has other addresses now: {SERVERS4[1]}" in tunnel.client.log()
    tunnel.assert_same_flow()
    if attachment() == "nat":
        rule = "ip saddr { 10.99.0.2, 10.99.0.3 } tcp sport 4567 ct state invalid,new drop"
        wait_until(lambda: rule in world.client.run("nft", "list", "ruleset").stdout)


def test_F14_a_name_that_cannot_be_resolved_any_more_keeps_its_addresses(world):
    world.client.names(**{NAME: [SERVERS4[0]]})
    tunnel = Tunnel(world, remote=f"{NAME}:4567", dead_after="1")
    world.client.names()
    tunnel.server.stop(signal.SIGKILL)
    tunnel.client.wait_for(f"cannot resolve {NAME}: .*; the addresses that it had are tried")
    time.sleep(3)
    tunnel.server = world.start_server()
    tunnel.is_back(time.monotonic())
    assert tunnel.client.log().count("cannot resolve") == 1


BOTH = [*SERVERS6, *SERVERS4]


@pytest.mark.parametrize("dead", [SERVERS4[0], SERVERS6[0]])
def test_F15_the_first_address_is_dead_and_the_second_is_tried(world, dead):
    """Not refused: nothing comes back at all."""
    swallow(world.router, f"{'ip6' if ':' in dead else 'ip'} daddr {dead}")
    alive = SERVERS6[1] if ":" in dead else SERVERS4[1]
    world.client.names(**{NAME: [dead, alive]})
    world.start_server()
    world.start_sink("--echo")
    client = world.start_client(remote=f"{NAME}:4567")
    application = Application(world.client)
    application.wait_for_answer(time.monotonic())
    assert re.search(rf"flow \d+ established: .* to \[?{alive}\]?:4567", client.log())


def test_F15_a_family_without_a_route_is_not_tried(world):
    for device in ("eth0", "eth1"):
        world.client.ip("-6", "route", "del", "default", "dev", device)
    world.client.names(**{NAME: BOTH})
    world.start_server()
    world.start_sink("--echo")
    client = world.start_client("--prefer", "ipv6", remote=f"{NAME}:4567")
    traffic_is_back(world)
    assert "connecting anew" not in client.log()


@pytest.mark.parametrize("option, expected", [
    (("--prefer", "ipv4"), SERVERS4), (("--prefer", "ipv6"), SERVERS6),
    (("--ipv4-only",), SERVERS4), (("--ipv6-only",), SERVERS6)])
def test_a_name_of_both_families_is_spoken_to_as_preferred(world, option, expected):
    world.client.names(**{NAME: BOTH})
    world.start_server()
    world.start_sink("--echo")
    client = world.start_client(*option, remote=f"{NAME}:4567")
    traffic_is_back(world)
    to = re.search(r"flow \d+ established: .* to \[?([0-9a-f.:]+?)\]?:4567", client.log()).group(1)
    assert to in expected


# A name server, as far as it goes: one name, one IPv4 address.
NAME_SERVER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    asked, client = s.recvfrom(512)
    end = asked.index(b"\\0", 12) + 5
    question, wants_ipv4 = asked[12:end], asked[end - 3] == 1
    answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\1\\0\\4" + socket.inet_aton("%s") if wants_ipv4 else b""
    s.sendto(asked[:2] + b"\\x81\\x80\\0\\1\\0" + bytes([wants_ipv4]) + b"\\0\\0\\0\\0" + question + answer,
             client)
"""


def test_a_client_may_start_before_its_name_server_can_be_reached(world):
    world.client.etc("nsswitch.conf", "hosts: dns\n")
    world.client.etc("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n")
    world.start_server()
    world.start_sink("--echo")
    client = world.client.start(*attached(FTUN, "client", "--local", "127.0.0.1:5000",
                                          "--remote", f"{NAME}:4567"))
    client.wait_for(f"cannot resolve {NAME}: .*; trying until there is an answer")
    world.client.start("/usr/bin/python3", "-c", NAME_SERVER % SERVERS4[0]).wait_for("ready")
    client.wait_for(READY)
    traffic_is_back(world)
    assert client.log().count("cannot resolve") == 1


def test_a_signal_ends_a_client_that_waits_for_its_name(world):
    world.client.etc("nsswitch.conf", "hosts: dns\n")
    world.client.etc("resolv.conf", "nameserver 127.0.0.1\n")
    before = traces(world.client)
    client = world.client.start(*attached(FTUN, "client", "--local", "127.0.0.1:5000",
                                          "--remote", f"{NAME}:4567"))
    client.wait_for("cannot resolve")
    assert client.stop() == 0
    assert traces(world.client) == before


# --- servers, silence -------------------------------------------------------------------------


def test_F11_a_path_that_is_dead_is_noticed_under_load(world):
    """Its own sends must not keep a flow alive."""
    tunnel = Tunnel(world, dead_after="15")
    swallow(world.router)
    tunnel.client.wait_for("no answer any more.*connecting anew")
    swallow_no_more(world.router)
    tunnel.is_back(time.monotonic())
    tunnel.assert_same_flow()


@pytest.mark.parametrize("away", [0, 4], ids=["at-once", "after-a-while"])
def test_F17_a_server_that_was_killed_and_started_again(world, away):
    """Nobody has closed the connections that it had; the application goes on as if nothing was."""
    tunnel = Tunnel(world)
    tunnel.server.stop(signal.SIGKILL)
    time.sleep(away)
    tunnel.server = world.start_server()
    tunnel.is_back(time.monotonic())
    tunnel.assert_same_flow()


def test_F19_a_client_that_was_suspended_longer_than_the_server_waits(world):
    """Stopped, which is as near as a test comes to suspending the machine: the simulation lets the
    clock jump. The server has closed the flow meanwhile, and its FINs get nowhere."""
    tunnel = Tunnel(world, server=("--idle-timeout", "5"))
    swallow(world.router)
    tunnel.client.send_signal(signal.SIGSTOP)
    tunnel.server.wait_for(r"flow \d+ closed")
    world.router.nft("table inet fins { chain forward { type filter hook forward priority -10; "
                     "tcp sport 4567 tcp flags & fin == fin drop; }; }")
    swallow_no_more(world.router)
    resumed = time.monotonic()
    tunnel.client.send_signal(signal.SIGCONT)
    tunnel.is_back(resumed)
    tunnel.assert_same_flow()


def test_F19_a_client_that_wakes_up_elsewhere(world):
    """A laptop: closed in one network, opened in another."""
    tunnel = Tunnel(world)
    tunnel.client.send_signal(signal.SIGSTOP)
    world.client.ip("link", "set", "eth0", "down")
    time.sleep(3)
    resumed = time.monotonic()
    tunnel.client.send_signal(signal.SIGCONT)
    tunnel.is_back(resumed)
    tunnel.assert_same_flow()


def test_F19_a_router_that_has_forgotten_the_connection(world):
    """As after its restart: NAT has another port for it, or none."""
    tunnel = Tunnel(world)
    world.router.run("conntrack", "-F")
    tunnel.is_back(time.monotonic())
    tunnel.assert_same_flow()
