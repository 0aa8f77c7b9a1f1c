"""Divert on links of each kind: two hosts with 10.77.0.1 and 2, fd77::1 and 2, on what the test makes
of veth pairs. VLAN and bond are the kernel's own where it has them, else those of userlink.py.
"""

import fcntl
import pathlib
import signal
import sys

import pytest

import burst
import kernel_tcp
from conftest import SERVER4, SERVER6, World, connect, wait_for_another, wait_until
from test_divert_crash import hooks

pytestmark = pytest.mark.attach("divert")

HERE = pathlib.Path(__file__).parent
OVER4, OVER6 = "127.0.0.1:5000", "127.0.0.1:5006"  # where the clients of both families listen


@pytest.fixture(name="world")
def fixture_world(lab):
    return World(lab, lab.host("client"), lab.host("server"))


def both(world):
    """The hosts, and the last part of their addresses."""
    return (world.client, 1), (world.server, 2)


def cable(world, *names, offload=False):
    """Links between the hosts, without addresses."""
    for name in names:
        world.lab.link(world.client, world.server, (name, name), (), offload=offload)
        for host, _ in both(world):
            if not offload:  # as userlink.py wants it
                host.run("ethtool", "-K", name, "gro", "off", "tx", "off")


def kernel_has(host, kind):
    """This kind of device, or else userlink.py has to do."""
    tried = host.run("ip", "link", "add", "tried", "type", kind, check=False)
    host.run("ip", "link", "delete", "tried", check=False)
    return "Unknown device type" not in tried.stderr


def in_user_space(world, *device):
    for host, _ in both(world):
        host.start(sys.executable, HERE / "userlink.py", *device).wait_for("ready")


def make(world, *commands):
    for host, _ in both(world):
        for command in commands:
            host.ip("link", *command)


def vlan(world, port):
    if kernel_has(world.client, "vlan"):
        make(world, ("add", "link", port, "name", "vlan7", "type", "vlan", "id", 7))
    else:
        in_user_space(world, "vlan7", "vlan", 7, port)


def bond(world, *ports):
    if kernel_has(world.client, "bond"):
        make(world, ("add", "bond0", "type", "bond", "mode", "active-backup", "miimon", 20))
        for port in ports:
            make(world, ("set", port, "down"), ("set", port, "master", "bond0"),
                 ("set", port, "up"))
    else:
        in_user_space(world, "bond0", "bond", *ports)
        for host, _ in both(world):
            host.sysctl("net.ipv4.conf.all.arp_ignore", 1)  # the ports are no slaves: not theirs
    make(world, ("set", "bond0", "up"))


def bridge(world, *ports):
    make(world, ("add", "br0", "type", "bridge", "forward_delay", 0),
         *(("set", port, "master", "br0") for port in ports))


def address(world, device):
    """It is up, has the hosts' addresses, and works."""
    for host, number in both(world):
        host.ip("link", "set", device, "up")
        host.ip("addr", "add", f"10.77.0.{number}/24", "dev", device)
        host.ip("addr", "add", f"fd77::{number}/64", "dev", device, "nodad")
    for there in (SERVER4, SERVER6):
        wait_until(lambda to=there: reaches(world.client, to))


def reaches(host, there):
    return host.run("ping", "-c", 1, "-W", 1, there, check=False).returncode == 0


def start_tunnels(world):
    """A server, and a client for each family."""
    return world.start_server(), [world.start_client(local=local, remote=f"{remote}:4567")
                    for local, remote in ((OVER4, SERVER4), (OVER6, f"[{SERVER6}]"))]


def start(world):
    """Tunnels with an echo behind them."""
    tunnels = start_tunnels(world)
    world.start_sink("--echo")
    return tunnels


def carries(world):
    """Over IPv4 and IPv6."""
    for local in (OVER4, OVER6):
        figures = world.echo(count=100, size=1200, to=local)
        assert (figures["echoed"], figures["corrupted"]) == (100, 0), world.counters()


def soon_carries(world):
    for local in (OVER4, OVER6):
        wait_until(lambda to=local: world.echo(count=1, to=to, patience=1)["echoed"] == 1)
    carries(world)


def test_vlan(world):
    cable(world, "eth0")
    vlan(world, "eth0")
    address(world, "vlan7")
    start(world)
    carries(world)


# A handshake in a frame whose tag has a priority, and VLAN 0: that is none.
TAGGED = """
import sys
from scapy.all import Dot1Q, Ether, IP, IPv6, TCP, sendp, sniff
ip = IPv6 if ":" in sys.argv[1] else IP
frame = (Ether(dst=sys.argv[2]) / Dot1Q(vlan=0, prio=5) / ip(dst=sys.argv[1]) /
         TCP(sport=5555, dport=4567, flags="S"))
answers = sniff(iface="eth0", lfilter=lambda it: TCP in it and it[TCP].sport == 4567, count=1,
                timeout=60, started_callback=lambda: sendp(frame, iface="eth0", verbose=False))
print(answers[0][TCP].flags)
"""


@pytest.mark.parametrize("there", [SERVER4, SERVER6], ids=["ipv4", "ipv6"])
def test_priority_without_vlan(world, there):
    cable(world, "eth0")
    address(world, "eth0")
    world.start_server()
    mac = world.server.run("cat", "/sys/class/net/eth0/address").stdout.strip()
    assert world.client.run(sys.executable, "-c", TAGGED, there, mac).stdout == "SA\n"


def test_bridge_of_which_the_link_is_a_port(world):
    cable(world, "eth0")
    bridge(world, "eth0")
    address(world, "br0")
    start(world)
    carries(world)


def test_guest_behind_a_bridge(world, lab):
    """As of a container or a virtual machine: the port passes on what is not for its own host, and
    the host's tunnel and the guest's kernel have the same port number."""
    cable(world, "eth0")
    bridge(world, "eth0")
    address(world, "br0")
    guest = lab.host("guest")
    lab.link(world.server, guest, ("port", "eth0"), ())
    world.server.ip("link", "set", "port", "master", "br0")
    guest.ip("addr", "add", "10.77.0.3/24", "dev", "eth0")
    start(world)
    kernel_tcp.serve(guest)
    answer = kernel_tcp.ask(world.client, "10.77.0.3").stdout
    assert answer == "the kernel\n"
    carries(world)


def test_bond_of_two_of_which_one_fails(world):
    cable(world, "eth0", "eth1")
    bond(world, "eth0", "eth1")
    address(world, "bond0")
    _, clients = start(world)
    carries(world)
    for host, _ in both(world):
        host.ip("link", "set", "eth0", "down")
    soon_carries(world)
    assert not any("connecting anew" in client.log() for client in clients)


def test_vlan_on_a_bond(world):
    cable(world, "eth0", "eth1")
    bond(world, "eth0", "eth1")
    vlan(world, "bond0")
    address(world, "vlan7")
    start(world)
    carries(world)


def test_link_without_ethernet(world):
    """A TUN pair: as PPP, WireGuard, or a modem that speaks IP."""
    cable(world, "eth0")
    in_user_space(world, "ip0", "ip", "eth0")
    address(world, "ip0")
    start(world)
    carries(world)


@pytest.mark.parametrize("kind", ["plain", "bridge"])
def test_super_segments_cross(world, kind):
    """The links carry bursts whole, and all of each arrives."""
    cable(world, "eth0", offload=True)
    if kind == "bridge":
        bridge(world, "eth0")
    address(world, "eth0" if kind == "plain" else "br0")
    start_tunnels(world)
    world.exchange(20000, largest=1440)
    world.start_sink("--echo", "--echo-up-to", 100)
    before = carried(world.server)
    for _ in range(20):
        world.client.run(sys.executable, burst.__file__, 40, 1400)
    wait_until(lambda: carried(world.server)[1] - before[1] > 20 * 40 * 1400)
    packets, size = (now - then for now, then in zip(carried(world.server), before))
    assert size > 2 * 1500 * packets, f"{size} bytes in {packets} packets"


def carried(host, device="eth0"):
    """Packets and bytes that have come by a link."""
    path = f"/sys/class/net/{device}/statistics/rx_"
    return [int(host.run("cat", path + what).stdout) for what in ("packets", "bytes")]


def test_link_that_comes_after_the_start(world):
    world.lab.link(world.client, world.server, ("eth9", "eth9"), ())
    server = world.start_server()
    cable(world, "eth0")
    address(world, "eth0")
    wait_until(lambda: "eth0" in hooks(world.server))  # until then the host would refuse what comes
    world.start_sink("--echo")
    world.start_client()
    assert world.echo()["echoed"] == 100, server.log()


# Says when it has asked, and what came of it.
CONNECT = """
import os, select, socket, sys
s = socket.socket()
s.setblocking(False)
s.connect_ex((sys.argv[1], 4567))
print("asked", flush=True)
select.select([], [s], [])
print("answer:", os.strerror(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)), flush=True)
"""


def test_link_that_comes_up_has_been_taken_before(world):
    """As ftun is told of it a little later, and until then the host would refuse what comes."""
    two_links(world)
    world.server.ip("link", "set", "eth1", "down")
    server = world.start_server()
    server.send_signal(signal.SIGSTOP)
    world.server.ip("link", "set", "eth1", "up")
    wait_until(lambda: reaches(world.client, "10.78.0.2"))
    asking = world.client.start(sys.executable, "-c", CONNECT, "10.78.0.2")
    asking.wait_for("asked")
    server.send_signal(signal.SIGCONT)
    asking.wait_for("answer: Success")


def test_filters_wait_while_another_instance_sets_up(world):
    """Or takes down: it may be about to remove the qdisc, empty as it is. That ftun has looked at the
    new link is seen by the new route."""
    connect(world.lab, world.client, world.server, ("eth0", "eth0"), "10.77.0.", "fd77::")
    client = world.start_client("--divert-hook", "clsact")
    with open("/run/ftun/lock", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connect(world.lab, world.client, world.server, ("eth1", "eth1"), "10.78.0.", "fd78::")
        world.client.ip("route", "add", SERVER4, "via", "10.78.0.2")
        client.wait_for("by eth1 now")
        assert hooks(world.client).keys() == {"ftun0", "eth0"}
    wait_until(lambda: "eth1" in hooks(world.client))


def test_address_that_comes_after_the_start(world):
    cable(world, "eth0")
    address(world, "eth0")
    start(world)
    carries(world)
    world.server.ip("addr", "add", "10.77.0.9/24", "dev", "eth0")
    world.start_client(local="127.0.0.1:5009", remote="10.77.0.9:4567")
    # the server is told of the address a little later, and until then the host refuses what comes
    wait_until(lambda: world.echo(count=1, to="127.0.0.1:5009", patience=1)["echoed"] == 1)
    assert world.echo(to="127.0.0.1:5009")["echoed"] == 100
    world.server.ip("addr", "del", "10.77.0.9/24", "dev", "eth0")
    carries(world)


def two_links(world):
    connect(world.lab, world.client, world.server, ("eth0", "eth0"), "10.77.0.", "fd77::")
    connect(world.lab, world.client, world.server, ("eth1", "eth1"), "10.78.0.", "fd78::")


def test_server_on_two_links(world):
    two_links(world)
    world.start_server()
    world.start_sink("--echo")
    for number, there in enumerate((SERVER4, "10.78.0.2", f"[{SERVER6}]", "[fd78::2]")):
        local = f"127.0.0.1:{5000 + number}"
        world.start_client(local=local, remote=f"{there}:4567")
        assert world.echo(to=local)["echoed"] == 100


def test_only_the_links_that_were_named(world):
    """By another, the port is the host's, and it is closed."""
    two_links(world)
    world.start_server("--dev", "eth1")
    world.start_sink("--echo")
    world.start_client(remote="10.78.0.2:4567")
    assert world.echo()["echoed"] == 100
    refused = kernel_tcp.ask(world.client, SERVER4, check=False)
    assert "ConnectionRefusedError" in refused.stderr


ANSWER_AS_ASKED = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 5001))
print("ready", flush=True)
while True:
    asked, peer = s.recvfrom(2000)
    s.sendto(bytes(int(asked.split()[0])), peer)
"""

# One flow: its datagrams are as large as crosses, of two sizes.
ASK_LARGE_OR_ELSE_SMALLER = """
import socket, sys
port, up = int(sys.argv[1]), sys.argv[2] == "client"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", port))
s.settimeout(0.2)
while True:
    for size in 1400, 1240:
        try:
            s.send(b"10 ".ljust(size) if up else b"%d " % size)
            s.recv(2000)
            print(size, flush=True)
            break
        except OSError:
            pass
"""


@pytest.mark.parametrize("who", ["client", "server"])
def test_mtu_that_is_lowered_under_a_flow(world, who):
    """Of the link of the end that sends much: it says what fits now, and what fits is carried, by the
    flow that there was."""
    cable(world, "eth0")
    address(world, "eth0")
    server, clients = start_tunnels(world)
    world.server.start(sys.executable, "-c", ANSWER_AS_ASKED).wait_for("ready")
    asking = [world.client.start(sys.executable, "-c", ASK_LARGE_OR_ELSE_SMALLER, port, who)
              for port in (5000, 5006)]
    for application in asking:
        application.wait_for("1400")
    getattr(world, who).ip("link", "set", "eth0", "mtu", 1300)
    for application in asking:
        wait_for_another(application, "1240", application.log().count("1240"))
    for end in clients if who == "client" else (server, server):
        end.wait_for(r"the largest datagram is now 12[46]0 bytes")
    assert not any("connecting anew" in client.log() for client in clients)
