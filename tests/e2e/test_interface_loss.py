"""F06: the TUN vanishes, or is set down. ftun makes it again and says so; flows go on; what cannot
be sent meanwhile is dropped and counted; ftun ends only when the device is not to be had."""

import contextlib
import json
import pathlib
import re
import signal
import time

import pytest

from conftest import SERVER4, SERVER6, flows_of, total, wait_for_another, wait_until
from test_lifecycle import traces, traffic_is_back

WHO = pytest.mark.parametrize("who", ["server", "client"])
REMOTE = pytest.mark.parametrize("remote", [f"{SERVER4}:4567", f"[{SERVER6}]:4567"],
                                 ids=["ipv4", "ipv6"])

SPRAY = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 6000))
for size in range(1, 21):  # each larger than the one before: they cannot share a super-segment
    s.sendto(bytes(size), ("127.0.0.1", 5000))
"""


def spray(host):
    """Each datagram is a segment of its own."""
    host.run("/usr/bin/python3", "-c", SPRAY)


def wait_until_dropped(process):
    """What spray() has sent."""
    wait_until(lambda: total(process, "tunnel-drops") >= 20)


@contextlib.contextmanager
def suspended(process):
    """For ftun no time passes: it gives up a TUN that it cannot make again for four seconds."""
    process.send_signal(signal.SIGSTOP)
    status = pathlib.Path(f"/proc/{process.pid}/status")
    wait_until(lambda: "(stopped)" in status.read_text())
    yield
    process.send_signal(signal.SIGCONT)


class Tunnel:
    """A server, a client, an echo behind the server, and traffic; one end of it is looked at."""

    def __init__(self, world, who, **client):
        self.world = world
        self.before = {"server": traces(world.server), "client": traces(world.client)}
        self.ends = {"server": world.start_server(), "client": world.start_client(**client)}
        self.host = getattr(world, who)
        self.end = self.ends[who]
        world.start_sink("--echo")
        traffic_is_back(world)
        self.during = self.look()

    def look(self):
        """The device and its settings, but for the index; and all else that is set up."""
        link = json.loads(self.host.ip("-j", "-d", "addr", "show", "dev", "ftun0").stdout)[0]
        addresses = [(a["local"], a.get("address")) for a in link["addr_info"]]
        forwarding = [self.host.sysctl(f"net.ipv{v}.conf.ftun0.forwarding") for v in "46"]
        return (traces(self.host), addresses, forwarding, link["mtu"], link["txqlen"],
                link["group"], link["flags"])

    def delete(self):
        self.host.ip("link", "delete", "ftun0")

    def replace_by_a_stranger(self):
        """While ftun is suspended: before it can make it again, another interface has its name."""
        self.delete()
        self.host.ip("link", "add", "ftun0", "type", "veth", "peer", "name", "stranger")

    def wait_until_back(self, before=0):
        """Once more than `before` times."""
        wait_for_another(self.end, "ftun0 is back", before)

    def assert_one_flow(self):
        """The flow is the one that it was: not closed, and none after it."""
        for end in self.ends.values():
            assert not re.search(r"flow \d+ closed:", end.log()) and len(flows_of(end)) == 1

    def assert_nothing_is_left(self):
        for who, end in self.ends.items():
            assert end.stop() == 0, end.log()
            assert traces(getattr(self.world, who)) == self.before[who]


@WHO
@REMOTE
def test_F06_a_tun_that_is_deleted_comes_back_and_its_flow_goes_on(pair, who, remote):
    tunnel = Tunnel(pair, who, remote=remote)
    tunnel.delete()
    traffic_is_back(pair)
    assert tunnel.look() == tunnel.during
    log = tunnel.end.log()
    assert log.count("warning the TUN device ftun0 is gone") == 1
    assert log.count("ftun0 is back") == 1
    tunnel.assert_one_flow()
    tunnel.assert_nothing_is_left()


@WHO
def test_F06_a_tun_is_made_again_behind_a_strict_router(routed, who):
    """What conntrack on the way knows of the flow stays true."""
    tunnel = Tunnel(routed, who)
    for before in (0, 1):
        tunnel.delete()
        tunnel.wait_until_back(before)
        traffic_is_back(routed)
    tunnel.assert_one_flow()
    assert routed.dropped("invalid") == 0


@WHO
def test_F06_a_tun_that_is_deleted_again_and_again_comes_back_at_a_measured_pace(pair, who):
    """At most once a second: what is sent until then is dropped and counted."""
    tunnel = Tunnel(pair, who)
    begun = time.monotonic()
    deleted = 0
    while deleted < 4:
        deleted += tunnel.host.run("ip", "link", "delete", "ftun0", check=False).returncode == 0
        time.sleep(0.01)
    traffic_is_back(pair)
    assert time.monotonic() - begun >= 3  # the first at once, each other a second later
    assert tunnel.end.log().count("is gone") <= deleted  # it may vanish while it is being made
    wait_until(lambda: tunnel.end.log().count("is gone") == tunnel.end.log().count("is back"))
    tunnel.assert_one_flow()
    tunnel.assert_nothing_is_left()


def test_F06_what_is_sent_while_the_tun_is_gone_is_dropped_and_counted(pair):
    tunnel = Tunnel(pair, "client")
    with suspended(tunnel.end):
        tunnel.replace_by_a_stranger()
        spray(pair.client)
    tunnel.end.wait_for("is gone")
    wait_until_dropped(tunnel.end)
    with suspended(tunnel.end):
        tunnel.delete()  # the stranger
    tunnel.wait_until_back()
    traffic_is_back(pair)
    assert tunnel.look() == tunnel.during
    tunnel.assert_one_flow()
    tunnel.assert_nothing_is_left()


@WHO
def test_F06_a_tun_that_is_not_to_be_had_again_ends_ftun_with_one_line(pair, who):
    tunnel = Tunnel(pair, who)
    with suspended(tunnel.end):
        tunnel.replace_by_a_stranger()
    assert tunnel.end.wait() == 1
    errors = [line for line in tunnel.end.log().splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert "cannot use ftun0 as a TUN device: a network interface of another kind" in errors[0]
    tunnel.delete()  # the stranger
    assert traces(tunnel.host) == tunnel.before[who]


def test_F06_a_signal_ends_ftun_while_its_tun_is_gone(pair):
    tunnel = Tunnel(pair, "client")
    with suspended(tunnel.end):
        tunnel.replace_by_a_stranger()
    tunnel.end.wait_for("is gone")
    assert tunnel.end.stop() == 0
    tunnel.delete()  # the stranger
    assert traces(tunnel.host) == tunnel.before["client"]


@WHO
@REMOTE
def test_F06_a_tun_that_was_set_down_carries_on_when_it_is_up_again(pair, who, remote):
    """The kernel keeps a link's IPv4 addresses while it is down; IPv6 it must be asked to."""
    tunnel = Tunnel(pair, who, remote=remote)
    tunnel.host.ip("link", "set", "ftun0", "down")
    spray(pair.client)
    if who == "client":  # a server has nothing to send
        wait_until_dropped(tunnel.end)
        tunnel.end.wait_for("warning tunnel-drops")
    tunnel.host.ip("link", "set", "ftun0", "up")
    traffic_is_back(pair)
    assert tunnel.look() == tunnel.during
    assert "is gone" not in tunnel.end.log()
    tunnel.assert_one_flow()
    tunnel.assert_nothing_is_left()


def test_F06_without_set_up_a_tun_of_ftuns_own_is_made_again_bare(pair):
    client = pair.start_client("--setup", "none")
    pair.client.ip("link", "delete", "ftun0")
    client.wait_for(r"warning ftun0 is back; .* are yours to set again \(ftun rules")
    assert "inet" not in pair.client.ip("addr", "show", "dev", "ftun0").stdout
    assert client.stop() == 0


PERSISTENT = ("tuntap", "add", "dev", "mine", "mode", "tun")


def test_F06_without_set_up_a_tun_of_the_users_own_is_the_users_to_make_again(pair):
    pair.client.ip(*PERSISTENT)
    client = pair.start_client("--setup", "none", "--tun", "mine")
    pair.client.ip("link", "delete", "mine")
    assert client.wait() == 1
    assert "error   the TUN device mine is gone, and ftun had not made it" in client.log()


def test_F06_without_set_up_a_tun_that_the_user_makes_again_is_taken(pair):
    pair.client.ip(*PERSISTENT)
    client = pair.start_client("--setup", "none", "--tun", "mine")
    pair.client.ip("link", "delete", "mine")
    client.wait_for("mine is gone")
    with suspended(client):
        pair.client.ip(*PERSISTENT)
    client.wait_for("mine is back")
    assert client.stop() == 0
    assert "mine" in traces(pair.client)["links"]
