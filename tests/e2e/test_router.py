"""Through a router that masquerades, drops all UDP and everything that conntrack calls invalid."""

import json

import pytest

from conftest import ECHO_PATIENCE, LOAD, SERVER4, SERVER6, connect, make_strict, wait_until
from traffic import LONG, begin, open_flows, received, start_application

BOTH = pytest.mark.parametrize("remote", [f"{SERVER4}:4567", f"[{SERVER6}]:4567"],
                               ids=["ipv4", "ipv6"])


def test_plain_udp_dies_and_the_tunnel_lives(routed):
    routed.start_sink("--echo", listen="0.0.0.0:5001")
    assert routed.echo(count=2, to=f"{SERVER4}:5001", patience=1)["echoed"] == 0
    wait_until(lambda: routed.dropped("udp") == 2)
    routed.start_server()
    routed.start_client()
    assert routed.echo(count=1000, size=1400)["echoed"] == 1000
    assert routed.dropped("udp") == 2
    assert routed.dropped("invalid") == 0


@pytest.mark.parametrize("peer", ["ftun", "phantun"])
@BOTH
def test_F13_flows_that_go_one_way_pass_strict_conntrack(routed, remote, peer):
    """One up, one down, 70 MB each, more than any window; the applications never answer. Phantun
    stalls after 128 KiB. FTUN_LONG=15 makes that a gigabyte."""
    routed.start_server()
    tunnel = routed.start_client("--peer", peer, remote=remote)
    application = start_application(routed)
    count = 50000 * LONG
    flows = open_flows(routed, tunnel, ("up", "down"), count=count, size=1400, rate=25000, burst=40)
    begin(flows)
    arrived = received(flows, application)
    assert routed.dropped("invalid") == 0
    for figures in arrived:
        assert figures["received"] == count, arrived
        assert figures["late"] == figures["corrupted"] == 0


def test_both_ways_at_once_nothing_is_invalid(routed):
    routed.start_server()
    routed.start_client()
    routed.start_sink("--echo")
    routed.send("--mode", "mmsg", "--size", "24-1400", "--seconds", "3", "--flows", "8", "--rate",
                "300M")
    assert routed.dropped("invalid") == 0


def test_closing_is_valid_too(routed):
    server = routed.start_server()
    client = routed.start_client()
    routed.start_sink("--echo")
    routed.echo(count=10)
    assert client.stop() == 0
    server.wait_for("closed: closed by the peer")
    assert server.stop() == 0
    assert routed.dropped("invalid") == 0


def lose(router, percent, hook):
    """Some of each kind of segment; of those of 200 bytes it counts how many."""
    router.nft(f"""
table inet loss {{
    counter up {{}}
    counter down {{}}
    chain loss {{
        type filter hook {hook}; policy accept;
        meta l4proto tcp numgen random mod 100 < {percent} goto lost
    }}
    chain lost {{
        meta length 240 tcp dport 4567 counter name up
        meta length 240 tcp sport 4567 counter name down
        drop
    }}
}}
""")


def lost(router, way):
    listing = router.run("nft", "-j", "list", "counter", "inet", "loss", way).stdout
    return json.loads(listing)["nftables"][1]["counter"]["packets"]


@pytest.mark.parametrize("hook", ["prerouting priority raw", "forward priority 10"],
                         ids=["before-conntrack", "after-conntrack"])
@pytest.mark.parametrize("percent", [1, 10])
def test_loss_costs_what_is_lost_and_no_more(routed, percent, hook):
    """No retransmission, no stall: of 10,000 datagrams each way those are missing that the network has
    dropped."""
    for device in ("inner", "outer"):  # glued segments would share their fate
        routed.router.run("ethtool", "-K", device, "gro", "off")
    lose(routed.router, percent, hook)
    routed.start_server()
    tunnel = routed.start_client()
    application = start_application(routed)
    count = 10000
    flows = open_flows(routed, tunnel, ("up", "down"), count=count, size=200, rate=10000)
    begin(flows)
    for way, figures in zip(("up", "down"), received(flows, application)):
        missing = lost(routed.router, way)
        assert missing > 0  # else this looks in the wrong place: that none is happens once in 10**43
        assert figures["received"] == count - missing, figures
        assert figures["corrupted"] == figures["late"] == 0
    assert routed.dropped("invalid") == 0


def test_two_clients_behind_one_nat(routed, lab):
    """The second lives in the first one's network and looks the same from outside."""
    second = lab.host("second")
    connect(lab, routed.router, second, ("inner2", "eth0"), "10.2.0.", "fd02::")
    second.ip("route", "add", "default", "via", "10.2.0.1")
    routed.start_server()
    routed.start_client()
    routed.start_client(host=second)
    routed.start_sink("--echo")
    running = [host.start(LOAD, "echo", "--to", "127.0.0.1:5000", "--count", "2000", "--patience",
                          ECHO_PATIENCE)
               for host in (routed.client, second)]
    for process in running:
        assert process.wait(300) == 0
        assert json.loads(process.log())["echoed"] == 2000
    assert routed.dropped("invalid") == 0


def test_two_routers_in_a_row(routed, lab):
    """Carrier-grade NAT behind home NAT."""
    home = lab.host("home")
    laptop = lab.host("laptop")
    connect(lab, home, laptop, ("inner", "eth0"), "10.3.0.", "fd03::")
    connect(lab, routed.router, home, ("inner3", "outer"), "10.4.0.", "fd04::")
    laptop.ip("route", "add", "default", "via", "10.3.0.1")
    home.ip("route", "add", "default", "via", "10.4.0.1")
    make_strict(home)
    routed.start_server()
    routed.start_client(host=laptop)
    routed.start_sink("--echo")
    assert routed.echo(count=500, size=1400, host=laptop)["echoed"] == 500
