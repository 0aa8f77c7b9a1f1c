"""Hosts whose firewalls and settings are in the way of everything else: divert works on them, and
leaves each rule and setting as it is."""

import pathlib
import sys

import pytest

from conftest import SERVER4, SERVER6, World, connect, wait_until

pytestmark = pytest.mark.attach("divert")

HERE = pathlib.Path(__file__).parent
OVER6 = "127.0.0.1:5006"  # where the client of the IPv6 tunnel listens

# Only what a host needs to speak with itself, and to have neighbours.
DROP_ALL = """
table inet closed {
    chain input {
        type filter hook input priority 0; policy drop;
        iifname lo accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    }
    chain forward {
        type filter hook forward priority 0; policy drop;
    }
    chain output {
        type filter hook output priority 0; policy drop;
        oifname lo accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    }
}
"""

# What Docker leaves of the way through a host: a policy of drop, with holes for its own networks.
DOCKER = """
iptables -P FORWARD DROP && ip6tables -P FORWARD DROP
for tables in iptables ip6tables; do
    $tables -N DOCKER && $tables -N DOCKER-USER && $tables -A DOCKER-USER -j RETURN
    $tables -A FORWARD -j DOCKER-USER
    $tables -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    $tables -A FORWARD -o docker0 -j DOCKER
    $tables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
done
"""

# It writes to /etc and /run: to copies of its own.
UFW = """
mount -t tmpfs none /run
cp -a /etc/ufw /run/ufw
mount --bind /run/ufw /etc/ufw
ufw --force enable
"""

# Commands that raise one, and what they say then.
FIREWALLS = {
    "nft": (("nft", DROP_ALL), ""),
    "docker": (("sh", "-ec", DOCKER), ""),
    "ufw": (("unshare", "--mount", "--propagation", "private", "sh", "-ec", UFW), "is active"),
    "firewalld": ((HERE / "firewalld.sh",), "(?m)^running"),
}


def raise_firewalls(world, name):
    command, said = FIREWALLS[name]
    started = [host.start(*command) for host in (world.client, world.server)]
    for process in started:
        if said:
            process.wait_for(said)
        else:
            assert process.wait() == 0, process.log()


def forbid_everything(host):
    """The strictest settings that a host can have."""
    for device in ("all", "default", "eth0"):
        host.sysctl(f"net.ipv4.conf.{device}.rp_filter", 1)
        host.sysctl(f"net.ipv6.conf.{device}.forwarding", 0)
    host.sysctl("net.ipv4.ip_forward", 0)


def settings(host):
    """Each rule, and each setting that ftun's own device does not bring with it. On its own ports
    (ip_local_reserved_ports) is test_divert_ports.py."""
    rules = host.run("nft", "-s", "list", "ruleset").stdout
    sysctls = host.run("sh", "-c", "cd /proc/sys/net && grep -rs '' ipv4 ipv6 netfilter; true").stdout
    return rules, [line for line in sysctls.splitlines() if not line.startswith(OF_FTUN_OR_NOBODY)]


OF_FTUN_OR_NOBODY = (
    *(f"ipv{version}/{kind}/ftun" for version in "46" for kind in ("conf", "neigh")),
    "ipv4/ip_local_reserved_ports", "netfilter/nf_conntrack_count")


def start_and_use(world):
    world.start_server()
    world.start_client()
    world.start_client(local=OVER6, remote=f"[{SERVER6}]:4567")
    sink = world.start_sink("--echo")
    for local in ("127.0.0.1:5000", OVER6):
        assert world.echo(to=local)["echoed"] == 100
    sink.stop()
    world.exchange(10000, largest=1440)


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_nothing_is_in_the_way_and_nothing_changes(pair, firewall):
    hosts = (pair.client, pair.server)
    for host in hosts:
        forbid_everything(host)
    raise_firewalls(pair, firewall)
    before = [settings(host) for host in hosts]
    start_and_use(pair)
    assert [settings(host) for host in hosts] == before
    for tunnel in pair.tunnels:
        assert tunnel.stop() == 0
    assert [settings(host) for host in hosts] == before


LISTEN = """
import socket
listener = socket.create_server(("::", 4568), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
while True:
    listener.accept()
"""

CONNECT = """
import socket, sys
socket.create_connection((sys.argv[1], 4568), timeout=0.5)
"""


def connects(world, there):
    return world.client.run(sys.executable, "-c", CONNECT, there, check=False).returncode == 0


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_it_is_in_the_way_of_others(pair, firewall):
    """What the test before rests on: the host's own TCP does not get through, or, where only what
    is forwarded is stopped, ftun's NAT does not."""
    pair.server.start(sys.executable, "-c", LISTEN).wait_for("ready")
    wait_until(lambda: connects(pair, SERVER4) and connects(pair, SERVER6))
    for host in (pair.client, pair.server):
        forbid_everything(host)
    raise_firewalls(pair, firewall)
    if firewall == "docker":
        pair.start_server("--attach", "nat")
        pair.start_client("--attach", "nat")
        pair.start_sink("--echo")
        assert pair.echo(count=1, patience=1)["echoed"] == 0
    else:
        assert not connects(pair, SERVER4) and not connects(pair, SERVER6)


def by_different_ways(lab):
    """The client sends by eth0, and the server answers by eth1."""
    world = World(lab, lab.host("client"), lab.host("server"))
    connect(lab, world.client, world.server, ("eth0", "eth0"), "10.77.0.", "fd77::")
    connect(lab, world.client, world.server, ("eth1", "eth1"), "10.78.0.", "fd78::")
    for host, number in ((world.client, 1), (world.server, 2)):
        host.ip("addr", "add", f"10.9{number}.0.1/32", "dev", "lo")
    world.client.ip("route", "add", "10.92.0.1", "via", "10.77.0.2", "src", "10.91.0.1")
    world.server.ip("route", "add", "10.91.0.1", "via", "10.78.0.1", "src", "10.92.0.1")
    return world


def test_rp_filter_is_in_nobodys_way(lab):
    world = by_different_ways(lab)
    world.server.start(sys.executable, "-c", LISTEN).wait_for("ready")
    wait_until(lambda: connects(world, "10.92.0.1"))
    for host in (world.client, world.server):
        forbid_everything(host)
        host.sysctl("net.ipv4.conf.eth1.rp_filter", 1)
    assert not connects(world, "10.92.0.1")
    world.start_server()
    world.start_client(remote="10.92.0.1:4567")
    world.start_sink("--echo")
    assert world.echo()["echoed"] == 100
