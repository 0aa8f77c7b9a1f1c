"""The strictest opinion that conntrack can have: not one packet invalid, whatever the network does.

    client ──cable── router ──cable── server        the addresses of the world "routed"

be_liberal and loose are off, so that a packet outside of what conntrack has seen of a connection,
and any but a SYN outside of one, is counted and dropped. The cables lose, double, hold back and
delay frames, from a seed. What is lost between its sender and the router is lost before conntrack
has seen it, what is lost behind the router, after.
"""

import json
import os
import pathlib
import signal
import sys

import pytest

import lab as laboratory
from cable import Cable
from conftest import SERVER4, SERVER6, World, make_strict

FLOWS = pathlib.Path(__file__).with_name("flows.py")
LONG = int(os.environ.get("FTUN_LONG", "1"))  # so many times the traffic


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


WORLDS = {f"{peer}-{family}": (peer, address) for peer in ("ftun", "phantun")
          for family, address in (("ipv4", SERVER4), ("ipv6", f"[{SERVER6}]"))}


@pytest.fixture(name="strict", scope="module", params=WORLDS.values(), ids=WORLDS.keys())
def fixture_strict(request, tmp_path_factory):
    """A server that lives through all of a world's tests; each has a client of its own."""
    with laboratory.Lab(tmp_path_factory.mktemp("strict")) as lab:
        world = cabled_router(lab)
        world.peer, world.remote = request.param[0], f"{request.param[1]}:4567"
        world.start_server()
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


def start_application(world):
    application = world.server.start(sys.executable, FLOWS, "serve", "127.0.0.1", 5001)
    application.wait_for("ready")
    return application


def start_flows(world, tunnel, kinds, count, size, rate, burst=1):
    """One flow of each kind, all at the same time, once all have been established."""
    flows = [world.client.start(sys.executable, FLOWS, kind, "127.0.0.1", 5000, count, size, rate,
                                burst) for kind in kinds]
    tunnel.wait_for("(?s)" + "flow [0-9]+ established.*" * len(kinds), timeout=30)
    for flow in flows:
        flow.send_signal(signal.SIGUSR1)
    return flows


def flows_of_every_shape(world, tunnel, count, size, rate, burst=1):
    """What arrived of a flow up, one down, one both ways."""
    application = start_application(world)
    clients = start_flows(world, tunnel, ("up", "down", "both"), count, size, rate, burst)
    for client in clients:
        assert client.wait(60) == 0, client.log()
    application.stop()
    up, = json.loads(application.log().splitlines()[-1])
    return up, *(json.loads(client.log()) for client in clients[1:])


def assert_delivered(figures, count, loss, disordered):
    """`loss` is the share that the cables let fall."""
    missing = count - figures["received"] if not disordered else figures["lost"]
    assert missing <= (1.5 * loss + 0.005) * count, figures  # a busy machine loses a few more
    assert figures["corrupted"] == 0
    assert figures["late"] == 0 or disordered


@pytest.mark.parametrize("fault", FAULTS)
def test_F12_nothing_is_invalid_whatever_the_network_does(strict, fault):
    """Handshakes, data and closes; and of the data as much arrives as the cables let through."""
    before = strict.dropped("invalid")
    for cable, faults in zip((strict.near, strict.far), FAULTS[fault]):
        cable.suffer(*faults, "--seed", 4)
    tunnel = strict.start_client("--peer", strict.peer, remote=strict.remote)
    count, loss = 2000 * LONG, EXPECTED_LOSS[fault]
    up, down, both = flows_of_every_shape(strict, tunnel, count=count, size=200, rate=2500)
    assert tunnel.stop() == 0
    assert strict.dropped("invalid") == before
    disordered = fault in ("reordered", "doubled", "all-at-once")
    assert_delivered(up, count, loss, disordered)
    assert_delivered(down, count, loss, disordered)
    assert_delivered(both, count, 2 * loss, disordered)
