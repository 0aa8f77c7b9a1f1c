"""ftun-unruly inflicts what it is told to, on what it is told to, and nothing else."""

import pytest

from cable import Cable
from conftest import World, result

FRAMES = 5000


@pytest.fixture(name="cabled")
def fixture_cabled(lab):
    world = World(lab, lab.host("client"), lab.host("server"))
    world.cable = Cable(lab, world.client, world.server, ("eth0", "eth0"),
                        (("10.77.0.1/24", "10.77.0.2/24"), ("fd77::1/64", "fd77::2/64")))
    return world


def send_plain_udp(world, *faults, address="10.77.0.2"):
    """What a sink saw of FRAMES datagrams, and what the cable says that it did to them."""
    world.cable.suffer(*faults)
    sink = world.start_sink("--silent-for", "3", listen=f"{address}:5001")
    world.send("--count", FRAMES, "--size", "100", "--rate", "20000", "--seconds", "60",
               to=f"{address}:5001")
    sink.wait()
    return result(sink), world.cable.figures()["right"]


@pytest.mark.parametrize("address", ["10.77.0.2", "[fd77::2]"], ids=["ipv4", "ipv6"])
def test_without_faults_everything_passes_in_order(cabled, address):
    seen, done = send_plain_udp(cabled, address=address)
    assert done == {"unharmed": FRAMES, "dropped": 0, "doubled": 0, "held": 0}
    assert seen["datagrams"] == FRAMES
    assert seen["reordered"] == seen["duplicated"] == seen["corrupted"] == 0


def test_what_is_dropped_is_missing(cabled):
    seen, done = send_plain_udp(cabled, "--drop", "10")
    assert 0.08 * FRAMES < done["dropped"] < 0.12 * FRAMES
    assert seen["datagrams"] == FRAMES - done["dropped"]


def test_what_is_doubled_comes_twice(cabled):
    seen, done = send_plain_udp(cabled, "--double", "10")
    assert 0.08 * FRAMES < done["doubled"] < 0.12 * FRAMES
    assert seen["duplicated"] == done["doubled"]
    assert seen["datagrams"] == FRAMES + done["doubled"]


def test_what_is_held_is_overtaken(cabled):
    """20 datagrams a millisecond: hardly one that is held for up to 5 ms leaves in its place."""
    seen, done = send_plain_udp(cabled, "--hold", "10")
    assert 0.08 * FRAMES < done["held"] < 0.12 * FRAMES
    assert 0.5 * done["held"] < seen["reordered"] <= done["held"]
    assert seen["datagrams"] == FRAMES


def test_the_same_seed_drops_the_same_frames(cabled):
    first = send_plain_udp(cabled, "--drop", "50", "--seed", "7")
    again = send_plain_udp(cabled, "--drop", "50", "--seed", "7")
    other = send_plain_udp(cabled, "--drop", "50", "--seed", "8")
    assert first[1] == again[1] != other[1]
    assert first[0]["lost"] == again[0]["lost"]


def test_faults_of_one_direction_leave_the_other_alone(cabled):
    cabled.cable.suffer("--drop", "100", "--toward", "left")
    sink = cabled.start_sink("--echo", listen="10.77.0.2:5001")
    assert cabled.echo(count=2, to="10.77.0.2:5001", patience=1)["echoed"] == 0
    done = cabled.cable.figures()
    assert done["left"]["dropped"] == done["right"]["unharmed"] == 2
    assert result(sink)["datagrams"] == 2


def test_a_delay_is_a_delay_of_every_frame(cabled):
    """Two crossings of the cable: no echo is back earlier."""
    cabled.cable.suffer("--delay-ms", "20")
    cabled.start_sink("--echo", listen="10.77.0.2:5001")
    figures = cabled.echo(count=10, to="10.77.0.2:5001")
    assert figures["echoed"] == 10
    assert figures["p50_us"] >= 40000
