"""F01: segments that arrive at the TUN in IP fragments. Phantun 0.7 died of them.

ftun's own segments carry DF. Routers that clear it are common ("no-df", "clear-df"), and then a
link with a smaller MTU fragments: on the way, or in the server's own host towards the TUN.
"""

import re

import pytest

from conftest import SERVER6, attachment, total

CLEAR_DF = """
table ip clear_df {
    chain prerouting {
        type filter hook prerouting priority 0; policy accept;
        ip frag-off set 0
    }
}
"""


CUT = 576 - 20 - 20 + 1  # bytes of the smallest datagram that is: IPv4, TCP


def assert_nothing_refused(process):
    assert not re.findall(r"total (?!fragments-received)(fragment|malformed|truncated|tiny)\S*",
                          process.log())


def narrow(world, who, mtu):
    """What comes to it is cut before ftun gets it, by its own host where that forwards to the TUN, or
    else by the router; IPv6 is complained about."""
    if attachment() == "nat":
        getattr(world, who).ip("link", "set", "ftun0", "mtu", mtu)
    else:
        narrow_way(world, who, mtu)


def narrow_way(world, who, mtu):
    """The router's, to one end; what comes from there is not cut."""
    link, ipv4, ipv6 = {"server": ("outer", "10.77.0.", "fd77::"),
                        "client": ("inner", "10.1.0.", "fd01::")}[who]
    world.router.ip("route", "replace", f"{ipv4}0/24", "dev", link, "proto", "kernel", "scope",
                    "link", "src", f"{ipv4}1", "mtu", mtu)
    if mtu >= 1280:
        world.router.ip("-6", "route", "replace", f"{ipv6}/64", "dev", link, "proto", "kernel",
                        "metric", 256, "mtu", mtu)


def exchange_through_576_bytes(world, sizes, *options, offload="auto", workers="auto"):
    """The server's host cuts what is larger. Returns how many packets the server joined."""
    world.router.nft(CLEAR_DF)
    server = world.start_server("--offload", offload, "--workers", workers)
    narrow(world, "server", 576)
    world.start_client("--offload", offload)
    world.exchange(50000, sizes[1], *options, smallest=sizes[0],
                   window="64K")  # the TUN queues 500 packets: 3 a datagram
    joined = total(server, "packets-reassembled")
    assert total(server, "hand-over-drops") == total(server, "misdirected") == 0
    assert server.stop() == 0
    assert_nothing_refused(server)
    return joined


@pytest.mark.parametrize("offload", ["auto", "off"])
def test_F01_a_server_tun_with_an_mtu_of_576_loses_not_a_byte(routed, offload):
    """Of several workers one joins the fragments: meanwhile another may deliver what is whole."""
    assert exchange_through_576_bytes(routed, (64, 1452), "--overtaking", CUT,
                                      offload=offload) > 10000


def test_F01_one_worker_keeps_what_is_whole_and_what_is_not_in_order(routed):
    assert exchange_through_576_bytes(routed, (1, 1452), workers="1") > 10000


@pytest.mark.parametrize("workers", ["2", "3"])
def test_F18_what_comes_in_fragments_stays_in_order(routed, workers):
    assert exchange_through_576_bytes(routed, (CUT, 1452), workers=workers) == 25000


def test_F01_fragments_made_on_the_way_are_joined_too(routed):
    routed.router.nft(CLEAR_DF)
    server = routed.start_server()
    routed.start_client()
    narrow_way(routed, "server", 600)
    routed.exchange(10000, 1400, smallest=1400, window="64K")
    assert total(server, "packets-reassembled") == 5000
    assert_nothing_refused(server)


EITHER_END = pytest.mark.parametrize("who", ["server", "client"])


@EITHER_END
def test_F01_the_smallest_mtu_that_ipv4_knows_loses_nothing(routed, who):
    """68 bytes (RFC 791): 30 fragments a datagram, at either end."""
    routed.router.nft(CLEAR_DF)
    routed.start_server()
    routed.start_client()
    narrow(routed, who, 68)
    routed.start_sink("--echo")
    assert routed.echo(count=200, size=1400)["echoed"] == 200


@EITHER_END
def test_F01_ipv6_that_nobody_may_cut_is_sent_smaller(routed, who):
    """A host that forwards to a TUN of 1280 bytes says "too big" to the far end."""
    ends = {"server": routed.start_server(),
            "client": routed.start_client(remote=f"[{SERVER6}]:4567")}
    narrow(routed, who, 1280)
    routed.start_sink("--echo")
    assert routed.echo(count=1, size=1400, patience=1)["echoed"] == 0
    ends["client" if who == "server" else "server"].wait_for("datagram is now 1220 bytes")
    assert routed.echo(count=100, size=1220)["echoed"] == 100
