"""Datagrams cross, whole and in order, over every way to set a tunnel up."""

import pytest

from conftest import SERVER4, SERVER6


@pytest.mark.parametrize("remote", [f"{SERVER4}:4567", f"[{SERVER6}]:4567"], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("local", ["127.0.0.1:5000", "[::1]:5000"], ids=["from4", "from6"])
def test_echo_over_both_families(pair, remote, local):
    pair.start_server(remote="[::1]:5001" if "::" in local else "127.0.0.1:5001")
    pair.start_client(local=local, remote=remote)
    pair.start_sink("--echo", listen="[::]:5001")
    figures = pair.echo(count=500, size=1400, to=local)
    assert (figures["echoed"], figures["lost"], figures["corrupted"]) == (500, 0, 0)


def test_a_host_name_is_resolved(pair):
    pair.client.names(over_there=[SERVER4])
    pair.start_server()
    pair.start_client(remote="over_there:4567")
    pair.start_sink("--echo")
    assert pair.echo()["echoed"] == 100


def test_applications_elsewhere_may_use_a_client_that_listens_on_all_addresses(pair, lab):
    """F33: and answers leave from the address that was spoken to."""
    laptop = lab.host("laptop")
    lab.link(pair.client, laptop, ("lan0", "eth0"), (("10.5.0.1/24", "10.5.0.2/24"),))
    pair.client.ip("addr", "add", "10.5.0.9/24", "dev", "lan0")
    pair.start_server()
    pair.start_client(local="0.0.0.0:5000")
    pair.start_sink("--echo")
    for address in ("10.5.0.1", "10.5.0.9"):
        assert pair.echo(to=f"{address}:5000", host=laptop)["echoed"] == 100


@pytest.mark.parametrize("offload", ["auto", "off"])
@pytest.mark.parametrize("wire", ["segments", "super-segments"])
@pytest.mark.parametrize("remote", [SERVER4, f"[{SERVER6}]"], ids=["ipv4", "ipv6"])
def test_F23_F24_bursts_survive_offloads_on_and_off(lab, offload, wire, remote):
    """F23: GRO glues datagrams; F24: TX checksum offload leaves wrong checksums."""
    from conftest import World, connect
    world = World(lab, lab.host("client"), lab.host("server"))
    connect(lab, world.client, world.server, ("eth0", "eth0"), "10.77.0.", "fd77::",
            offload=wire == "super-segments")
    if wire == "segments":
        for host in (world.client, world.server):
            host.run("ethtool", "-K", "eth0", "rx", "off", "tx", "off", "gro", "off")
    world.start_server("--offload", offload)
    world.start_client("--offload", offload, remote=f"{remote}:4567")
    world.exchange(100000, largest=1440)


@pytest.mark.parametrize("offload", ["auto", "off"])
def test_F18_every_datagram_of_a_million_arrives_in_order(pair, offload):
    """None corrupted, merged, cut, lost or reordered. tools/exchange does it with ten million."""
    pair.start_server("--offload", offload)
    pair.start_client("--offload", offload)
    pair.exchange(1000000, largest=1452)


def test_F25_an_empty_datagram_is_counted_and_harms_nothing(pair):
    pair.start_server()
    client = pair.start_client()
    pair.start_sink("--echo")
    pair.client.run("/usr/bin/python3", "-c", "import socket;"
                    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'',"
                    "('127.0.0.1', 5000))")
    client.wait_for("datagram-empty: empty datagram")
    assert pair.echo()["echoed"] == 100


def test_F22_an_oversize_datagram_gets_one_clear_line(pair):
    pair.start_server()
    client = pair.start_client()
    pair.start_sink("--echo")
    assert pair.echo(count=10, size=1460)["echoed"] == 10
    assert pair.echo(count=2, size=1461, patience=1)["echoed"] == 0
    client.wait_for("datagram-too-large: datagram larger than a segment on this path")


def test_F20_the_largest_datagram_and_wireguards_mtu_are_said(pair):
    assert "up to 1440 bytes fit" in pair.start_server().log()
    log = pair.start_client().log()
    assert "up to 1460 bytes fit" in log and "set MTU 1428" in log


def test_F21_too_big_from_a_router_lowers_the_limit(routed):
    """Behind the router is a link of 1400 bytes that neither host knows of."""
    routed.router.ip("link", "set", "outer", "mtu", 1400)
    routed.start_server()
    client = routed.start_client()
    routed.start_sink("--echo")
    assert routed.echo(count=1, size=1400, patience=1)["echoed"] == 0
    client.wait_for("the largest datagram is now 1360 bytes")
    assert routed.echo(count=10, size=1360)["echoed"] == 10


def test_the_peers_smaller_mtu_is_learned_from_its_mss(pair):
    pair.server.ip("link", "set", "eth0", "mtu", 1400)
    pair.start_server()
    client = pair.start_client()
    pair.start_sink("--echo")
    assert pair.echo(count=10, size=1360)["echoed"] == 10
    client.wait_for("established: .* datagrams up to 1360 bytes")
