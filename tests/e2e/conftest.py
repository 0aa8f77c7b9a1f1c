"""Topologies and actors of the end-to-end tests.

    pair:    client 10.77.0.1 ─────────── 10.77.0.2 server       (fd77::1, fd77::2)

    routed:  client 10.1.0.2 ── 10.1.0.1 router 10.77.0.1 ── 10.77.0.2 server
                   fd01::2          fd01::1     fd77::1         fd77::2

The router masquerades, drops all UDP and every packet that conntrack calls invalid, and counts
both. Applications are ftun-load or a few lines of Python; ftun is the real binary.

FTUN_ATTACH=nat|divert|auto in the environment is how each ftun attaches, but for tests that are about
one way: @pytest.mark.attach("nat").
"""

import json
import os
import pathlib
import re
import signal
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "lab"))
import lab as laboratory  # noqa: E402

BUILD = pathlib.Path(os.environ.get("FTUN_BUILD", ROOT / "build"))
FTUN = BUILD / "ftun"
LOAD = BUILD / "ftun-load"

SERVER4, SERVER6 = "10.77.0.2", "fd77::2"
READY = "listening on"
ECHO_PATIENCE = 30  # seconds: an echo that should come may take that long on a busy machine

ROUTER_RULES = """
table inet strict {
    counter dropped_udp {}
    counter dropped_invalid {}
    chain judge {
        # before the routing decision: what conntrack takes for no part of a masqueraded flow is
        # addressed to the router itself, and is never forwarded
        type filter hook prerouting priority mangle; policy accept;
        ct state invalid counter name dropped_invalid drop
    }
    chain forward {
        type filter hook forward priority 0; policy accept;
        meta l4proto udp counter name dropped_udp drop
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        oifname "outer" masquerade
    }
}
"""


def pytest_configure(config):
    config.addinivalue_line("markers", "attach(how): whatever FTUN_ATTACH says")


@pytest.fixture(autouse=True)
def fixture_attach(request, monkeypatch):
    mark = request.node.get_closest_marker("attach")
    if mark:
        monkeypatch.setenv("FTUN_ATTACH", mark.args[0])


def attachment():
    """How ftun attaches in this test; "auto" when nobody says."""
    return os.environ.get("FTUN_ATTACH", "auto")


def attached(*command):
    """The command line of an ftun that attaches as this test wants, unless it says itself."""
    told = attachment() == "auto" or {"--attach", "--setup"} & set(command)
    return command if told else (*command, "--attach", attachment())


class World:
    """A lab with a client and a server host, and what tests do with them."""

    def __init__(self, lab, client, server, router=None):
        self.lab, self.client, self.server, self.router = lab, client, server, router
        self.tunnels = []

    def ftun(self, host, *arguments):
        process = host.start(*attached(FTUN, *arguments))
        process.wait_for(READY)
        self.tunnels.append(process)
        return process

    def counters(self):
        """What every ftun has counted, for the message of a failed assertion."""
        for process in self.tunnels:
            process.stop()
        return "\n".join(process.log() for process in self.tunnels)

    def start_server(self, *options, local="4567", remote="127.0.0.1:5001", host=None):
        return self.ftun(host or self.server, "server", "--local", local, "--remote", remote,
                         *options)

    def start_client(self, *options, local="127.0.0.1:5000", remote=f"{SERVER4}:4567", host=None):
        return self.ftun(host or self.client, "client", "--local", local, "--remote", remote,
                         *options)

    def start_sink(self, *options, listen="127.0.0.1:5001", host=None):
        sink = (host or self.server).start(LOAD, "sink", "--listen", listen, *options)
        sink.wait_for(READY)
        return sink

    def echo(self, count=100, size=64, to="127.0.0.1:5000", host=None, interval=0,
             patience=ECHO_PATIENCE):
        """Ping-pong through the tunnel; the figures of ftun-load echo. Where echoes are not to come,
        each is waited for so many seconds."""
        done = (host or self.client).run(LOAD, "echo", "--to", to, "--count", count, "--size", size,
                                         "--interval-us", interval, "--patience", patience,
                                         check=False, timeout=300)
        return json.loads(done.stdout or "{}") or {"echoed": 0, "error": done.stderr}

    def send(self, *options, to="127.0.0.1:5000", host=None):
        return json.loads((host or self.client).run(LOAD, "send", "--to", to, *options,
                                                    timeout=600).stdout)

    def exchange(self, count, largest, *more, smallest=1, window="256K"):
        """Both ends send at once, on many flows; length, content and order of every datagram are
        compared, and none may be lost: what is under way, 150 datagrams each way and what acknowledges
        them, stays within the socket buffers, and within the 256 packets of a veth's ring."""
        options = ("--flows", "32", "--count", count, "--size", f"{smallest}-{largest}", "--window",
                   window, "--credit", self.lab.directory / "credit", "--seconds", "1200", *more)
        far = self.server.start(LOAD, "exchange", "--listen", "127.0.0.1:5001", *options)
        far.wait_for(READY)
        near = self.client.run(LOAD, "exchange", "--to", "127.0.0.1:5000", *options, check=False,
                               timeout=1300)
        assert near.returncode == 0, near.stderr + self.counters()
        assert far.wait() == 0, far.log() + self.counters()
        assert json.loads(near.stdout.splitlines()[-1])["received"] == count // 2

    def dropped(self, counter):
        """Packets that the strict router dropped as "udp" or as "invalid"."""
        listing = self.router.run("nft", "-j", "list", "counter", "inet", "strict",
                                  f"dropped_{counter}").stdout
        return json.loads(listing)["nftables"][1]["counter"]["packets"]


def wait_until(holds, patience=laboratory.PATIENCE):
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, "it does not come true"
        time.sleep(0.02)


def wait_for_another(process, text, before):
    """Wait until the output has `text` more often than `before`."""
    end = time.monotonic() + laboratory.PATIENCE
    while process.log().count(text) <= before:
        assert process.running() and time.monotonic() < end, f"no {text!r} in {process.log()}"
        time.sleep(0.01)


def total(process, counter):
    """A counter of a running ftun, as SIGUSR1 has it printed; 0 when it is not among them. It must
    have had a flow. Once a second listing has begun, the first is complete."""
    first = "total flows-opened"
    for _ in range(2):
        before = process.log().count(first)
        process.send_signal(signal.SIGUSR1)
        wait_for_another(process, first, before)
    listing = first + process.log().split(first)[-2]
    found = re.search(rf"total {counter}: (\d+)", listing)
    return int(found.group(1)) if found else 0


def dropped_by_devices(*hosts, devices=("eth0", "ftun0")):
    """Packets that the interfaces of hosts had no room for: a TUN's queue, when its reader did not
    get a processor for a while, or the kernel's own backlog. Nobody else tells of them all."""
    links = [link for host in hosts for link in json.loads(host.ip("-j", "-s", "link").stdout)
             if link["ifname"] in devices]
    return sum(link["stats64"][way]["dropped"] for link in links for way in ("rx", "tx"))


def flows_of(process):
    """The numbers of the flows that the log speaks of: as many as there were."""
    return set(re.findall(r"flow (\d+) ", process.log()))


def result(process):
    """The JSON that a ftun-load process printed at its end."""
    process.stop()
    return json.loads(process.log().splitlines()[-1])


def connect(lab, left, right, names, ipv4, ipv6, **options):
    lab.link(left, right, names, ((f"{ipv4}1/24", f"{ipv4}2/24"), (f"{ipv6}1/64", f"{ipv6}2/64")),
             **options)


@pytest.fixture(name="lab")
def fixture_lab(tmp_path):
    with laboratory.Lab(tmp_path) as lab:
        yield lab


@pytest.fixture(name="pair")
def fixture_pair(lab):
    world = World(lab, lab.host("client"), lab.host("server"))
    connect(lab, world.client, world.server, ("eth0", "eth0"), "10.77.0.", "fd77::")
    return world


def make_strict(router):
    for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        router.sysctl(name, 1)
    router.nft(ROUTER_RULES)
    for leniency in ("be_liberal", "loose"):
        router.sysctl(f"net.netfilter.nf_conntrack_tcp_{leniency}", 0)


@pytest.fixture(name="routed")
def fixture_routed(lab):
    world = World(lab, lab.host("client"), lab.host("server"), lab.host("router"))
    connect(lab, world.router, world.client, ("inner", "eth0"), "10.1.0.", "fd01::")
    connect(lab, world.router, world.server, ("outer", "eth0"), "10.77.0.", "fd77::")
    world.client.ip("route", "add", "default", "via", "10.1.0.1")
    world.client.ip("-6", "route", "add", "default", "via", "fd01::1")
    make_strict(world.router)
    return world
