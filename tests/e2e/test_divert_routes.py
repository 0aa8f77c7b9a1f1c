"""Divert follows the host's routes, packet by packet: routes that change under a flow, and rules.

            eth0 10.77.0.1 ──── 10.77.0.2 eth0
    client                                      server      (fd77::, fd78::)
            eth1 10.78.0.1 ──── 10.78.0.2 eth1

Both hosts have further addresses on their loopback devices, 10.91.0.1 and 10.92.0.1 and so on, which
are reached by either link.
"""

import time

import pytest

from conftest import World, connect, wait_until
from roaming import Application

pytestmark = pytest.mark.attach("divert")

CLIENT, SERVER = {4: "10.91.0.1", 6: "fd91::1"}, {4: "10.92.0.1", 6: "fd92::1"}
FAMILY = pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])


def gateway(number, link, family):
    return f"10.7{7 + link}.0.{number}" if family == 4 else f"fd7{7 + link}::{number}"


def route(host, to, via, link, *more, source=None):
    """By the link whose far end is number `via`; instead of the one there was."""
    family = 6 if ":" in to else 4
    source = ("src", source) if source else ()
    host.ip(f"-{family}", "route", "replace", to, "via", gateway(via, link, family), "dev",
            f"eth{link}", *source, *more)


@pytest.fixture(name="world")
def fixture_world(lab):
    world = World(lab, lab.host("client"), lab.host("server"))
    connect(lab, world.client, world.server, ("eth0", "eth0"), "10.77.0.", "fd77::")
    connect(lab, world.client, world.server, ("eth1", "eth1"), "10.78.0.", "fd78::")
    for family in (4, 6):
        for host, address in ((world.client, CLIENT[family]), (world.server, SERVER[family])):
            nodad = ("nodad",) if family == 6 else ()
            host.ip("addr", "add", address, "dev", "lo", *nodad)
        route(world.client, SERVER[family], 2, 0, source=CLIENT[family])
        route(world.server, CLIENT[family], 1, 0, source=SERVER[family])
    return world


def sent(host, link):
    """Packets that have left by it."""
    return int(host.run("cat", f"/sys/class/net/eth{link}/statistics/tx_packets").stdout)


def has_moved(host, old, new):
    """All of some packets leave by the new link; the hosts' own, IPv6's greetings, may be among them."""
    before = sent(host, old), sent(host, new)
    wait_until(lambda: sent(host, old) + sent(host, new) >= sum(before) + 10)
    return sent(host, old) - before[0] <= 1 and sent(host, new) - before[1] >= 9


def moves(host, old, new):
    """Wait until traffic has; the application sends fifty datagrams a second."""
    wait_until(lambda: has_moved(host, old, new))


def start(world, family, *options, to=None):
    world.start_server()
    world.start_sink("--echo")
    to = to or SERVER[family]
    world.start_client(*options, remote=f"[{to}]:4567" if ":" in to else f"{to}:4567")
    application = Application(world.client)
    application.wait_for_answer(time.monotonic())
    return application


@FAMILY
@pytest.mark.parametrize("who", ["client", "server"])
def test_route_changes_under_a_flow(world, who, family):
    """The same address, another link: the connection does not notice."""
    application = start(world, family)
    host = getattr(world, who)
    moves(host, 1, 0)  # by this one it goes at first
    if who == "client":
        route(host, SERVER[family], 2, 1, source=CLIENT[family])
    else:
        route(host, CLIENT[family], 1, 1, source=SERVER[family])
    moves(host, 0, 1)
    application.wait_for_answer(time.monotonic())
    assert "connecting anew" not in world.tunnels[1].log()


@FAMILY
def test_route_changes_and_the_address_with_it(world, family):
    """The client's packets have another source from now on: a connection from there carries on what
    the application says."""
    application = start(world, family)
    world.server.ip(f"-{family}", "route", "del", CLIENT[family])  # nobody answers the old one
    route(world.client, SERVER[family], 2, 1, source=gateway(1, 1, family))
    application.wait_for_answer(time.monotonic())
    moves(world.client, 0, 1)
    assert len(world.tunnels[1].log().split("closed:")) == 1  # for the application, nothing ended


@FAMILY
def test_rules_by_source(world, family):
    """The server's answers from one of its addresses leave by another link."""
    other = "10.92.0.7" if family == 4 else "fd92::7"
    world.server.ip("addr", "add", other, "dev", "lo", *(("nodad",) if family == 6 else ()))
    world.server.ip(f"-{family}", "rule", "add", "from", other, "lookup", 100)
    route(world.server, CLIENT[family], 1, 1, "table", 100)
    route(world.client, other, 2, 0, source=CLIENT[family])
    start(world, family, to=other)
    moves(world.server, 0, 1)


def add_rule_by_mark(world, family):
    """The other link, from the address there: so do the answers come."""
    route(world.client, SERVER[family], 2, 1, "mtu", 1400, "table", 100,
          source=gateway(1, 1, family))
    world.client.ip(f"-{family}", "rule", "add", "fwmark", 77, "lookup", 100)


@FAMILY
@pytest.mark.parametrize("how", ["divert", "nat"])
def test_rules_by_mark(world, family, how):
    """The source and the size are those of the route by mark."""
    add_rule_by_mark(world, family)
    start(world, family, "--mark", "77", "--attach", how)
    moves(world.client, 0, 1)
    moves(world.server, 0, 1)
    datagram_max = 1400 - (40 if family == 4 else 60)
    assert f"datagrams of up to {datagram_max} bytes" in world.tunnels[1].log()


@FAMILY
def test_rules_that_come_and_go_under_a_flow(world, family):
    """Nothing else changes: the links have got their addresses before, and when the rule goes ftun's
    start is long past."""
    wait_until(lambda: "tentative" not in world.client.ip("-6", "addr", "show").stdout)
    there = "to", SERVER[family], "lookup", 100
    route(world.client, SERVER[family], 2, 1, "table", 100, source=gateway(1, 1, family))
    application = start(world, family)
    world.client.ip(f"-{family}", "rule", "add", *there)
    world.tunnels[1].wait_for(f"by eth1 now, from {gateway(1, 1, family)}")
    application.wait_for_answer(time.monotonic())
    moves(world.server, 0, 1)
    world.client.ip(f"-{family}", "rule", "del", *there)
    world.tunnels[1].wait_for(f"by eth0 now, from {CLIENT[family]}")
    application.wait_for_answer(time.monotonic())
    moves(world.server, 1, 0)
