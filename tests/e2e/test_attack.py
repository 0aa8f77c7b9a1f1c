"""Strangers: floods, blind attacks on a living flow, packets that belong nowhere (F07, F08, F10), and
what one of them may cost the others."""

import json
import pathlib
import re
import time

import pytest

from conftest import LOAD, READY, SERVER4, SERVER6, attachment, result, total

HERE = pathlib.Path(__file__).parent
WHAT_BLIND_SEGMENTS_COUNT_AS = ("sequence-outside-window", "ack-unacceptable", "fin-inexact",
                                "rst-inexact", "syn-in-connection")


def mac(host, device="eth0"):
    return json.loads(host.ip("-j", "link", "show", "dev", device).stdout)[0]["address"]


def resident(process):
    """Kilobytes of memory that a process has in RAM."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


class Living:
    """A server and a client, and a flow between them that is asked and answers all the time."""

    def __init__(self, world):
        self.world = world
        self.server, self.client = world.start_server(), world.start_client()
        world.start_sink("--echo")
        self.echo = world.client.start(LOAD, "echo", "--to", "127.0.0.1:5000", "--count", "1000000",
                                       "--interval-us", "2000")
        established = r"established: .* over (\S+):(\d+) to"
        self.own, self.port = self.client.wait_for(established).groups()
        self.seen_from = self.server.wait_for(r"established: (\S+) \(TCP\)")[1]

    def gets_echoes_again(self):
        """Its connection may have been lost; silence is proven only after 15 s, and more attempts
        may follow."""
        before, end = total(self.client, "datagrams-delivered"), time.monotonic() + 60
        while total(self.client, "datagrams-delivered") < before + 100:
            assert time.monotonic() < end, self.client.log()
            time.sleep(0.1)

    def has_lost_nothing(self):
        figures = result(self.echo)
        assert figures["echoed"] > 500, figures
        assert (figures["lost"], figures["corrupted"]) == (0, 0), figures
        for process in (self.server, self.client):
            assert total(process, "flows-opened") == 1
            assert "closed:" not in process.log() and "connection lost" not in process.log()

    def tun(self, process, address):
        """Its name, and the address that packets in it have, which is the host's with divert."""
        name, own = re.search(r"(\S+) is up: ([0-9.]+)?", process.log()).groups()
        return name, own or address


def forge(host, *options):
    return host.start(LOAD, "forge", *options)


def finish(*forgers):
    for process in forgers:
        assert process.wait(60) == 0, process.log()


def test_F07_a_million_spoofed_syns_at_full_speed_leave_memory_and_live_flows_unchanged(pair):
    pair.server.ip("route", "add", "blackhole", "198.18.0.0/15")
    living = Living(pair)
    time.sleep(1)  # buffers that are used for the first time
    before = resident(living.server)
    finish(forge(pair.client, "--device", "eth0", "--mac", mac(pair.server), "--from",
                 "198.18.0.0:1", "--spread", "--to", f"{SERVER4}:4567", "--kinds", "S", "--count",
                 "1000000"))
    assert resident(living.server) - before <= 256  # pages of what had not been used yet
    received = total(living.server, "segments-received")
    assert received > 10_000  # what was not too much for one second
    assert received + dropped_as_flood(living.server, pair.server) > 1_000_000
    living.has_lost_nothing()


def dropped_as_flood(process, server):
    if attachment() != "nat":
        return total(process, "divert-flood")
    tables = json.loads(server.run("nft", "-j", "list", "ruleset").stdout)["nftables"]
    rule = [table["rule"] for table in tables if table.get("rule", {}).get("chain") == "flood"][0]
    return [part["counter"]["packets"] for part in rule["expr"] if "counter" in part][0]


def test_F08_a_hundred_thousand_blind_segments_at_either_end_are_all_counted(pair):
    """Put before each end by its own TUN, so that no firewall takes them away: RST, SYN, data and
    FIN, with the right addresses and ports, and any numbers."""
    living = Living(pair)
    there, server_ip = living.tun(living.server, SERVER4)
    here, client_ip = living.tun(living.client, "10.77.0.1")
    at_server = ("--from", living.seen_from, "--to", f"{server_ip}:4567")
    at_client = ("--from", f"{SERVER4}:4567", "--to", f"{client_ip}:{living.port}")
    finish(forge(pair.server, "--device", there, *at_server, "--rate", "20000"),
           forge(pair.client, "--device", here, *at_client, "--rate", "20000"))
    for process in (living.server, living.client):
        counted = sum(total(process, name) for name in WHAT_BLIND_SEGMENTS_COUNT_AS)
        assert counted == 100_000, process.log()
    living.has_lost_nothing()


def test_F08_an_application_outlives_what_blind_segments_do_to_conntrack(routed):
    """From the router, which knows all but the numbers. Conntrack, which ftun's NAT needs, believes
    some of them, and translates the flow's segments no more; a new connection carries it on."""
    living = Living(routed)
    to_server = ("--device", "outer", "--mac", mac(routed.server), "--from", living.seen_from,
                 "--to", f"{SERVER4}:4567")
    to_client = ("--device", "inner", "--mac", mac(routed.client), "--from", f"{SERVER4}:4567",
                 "--to", f"10.1.0.2:{living.port}")
    finish(forge(routed.router, *to_server, "--rate", "20000"),
           forge(routed.router, *to_client, "--rate", "20000"))
    living.gets_echoes_again()
    figures = result(living.echo)
    assert figures["echoed"] > 0 and figures["corrupted"] == 0, figures
    assert total(living.client, "flows-opened") == 1 and total(living.client, "flows-closed") == 0
    assert routed.echo(count=50)["echoed"] == 50


def ask_as_stranger(world, ours, theirs, port):
    return json.loads(world.client.run("/usr/bin/python3", HERE / "stranger.py", "eth0", ours,
                                       theirs, port, mac(world.server), timeout=60).stdout)


def kernel_answers(world, ours, theirs):
    """With SYN cookies on, a kernel keeps as little of strangers as ftun does."""
    world.server.sysctl("net.ipv4.tcp_syncookies", 2)
    world.client.nft(SILENCE)
    world.server.start("/usr/bin/python3", "-c", LISTEN).wait_for(READY)
    world.client.run("ping", "-c", "1", theirs)
    answers = ask_as_stranger(world, ours, theirs, 4568)
    assert any(answers.values()) and not all(answers.values())
    return answers


ADDRESSES = [("10.77.0.1", SERVER4), ("fd77::1", SERVER6)]


@pytest.mark.parametrize("ours, theirs", ADDRESSES)
def test_F10_unknown_packets_get_what_a_listening_kernel_answers(pair, ours, theirs):
    expected = kernel_answers(pair, ours, theirs)
    for name in ("syn ack", "fin ack", "fin psh urg ack") if attachment() == "nat" else ():
        expected[name] = []  # conntrack finds them invalid: they do not reach ftun through its NAT
    pair.start_server()
    assert ask_as_stranger(pair, ours, theirs, 4567) == expected


@pytest.mark.parametrize("ours, theirs, own", [
    (*ADDRESSES[0], "192.168.201.2"), (*ADDRESSES[1], "fd01:201::2")])
def test_F10_without_nat_all_unknown_packets_do(pair, ours, theirs, own):
    expected = kernel_answers(pair, ours, theirs)
    tun = {"--tun-local": "192.168.201.1", "--tun-peer": "192.168.201.2",
           "--tun-local6": "fd01:201::1", "--tun-peer6": "fd01:201::2"}
    pair.start_server("--setup", "none", "--tun", "ftun0",
                      *[word for option in tun.items() for word in option])
    pair.server.ip("addr", "add", "192.168.201.1/24", "dev", "ftun0")
    pair.server.ip("addr", "add", "fd01:201::1/64", "dev", "ftun0", "nodad")
    pair.server.ip("link", "set", "ftun0", "up")
    pair.server.sysctl("net.ipv4.ip_forward", 1)
    pair.server.sysctl("net.ipv6.conf.all.forwarding", 1)
    assert ask_as_stranger(pair, ours, own, 4567) == expected


# The stranger's own kernel must not answer for it.
SILENCE = """
table inet silent {
    chain input {
        type filter hook input priority 0;
        tcp sport { 4567, 4568 } drop
    }
}
"""

LISTEN = """
import socket, time
listener = socket.create_server(("::", 4568), family=socket.AF_INET6, dualstack_ipv6=True)
print("listening on 4568", flush=True)
time.sleep(60)
"""


def test_one_address_has_no_more_flows_than_it_may(pair):
    server = pair.start_server("--max-flows-per-source", "3", "--workers", "1")
    pair.start_client()
    pair.start_sink()
    pair.send("--flows", "10", "--count", "100", "--size", "100", "--rate", "500")
    assert total(server, "flows-opened") == 3
    assert total(server, "source-limit") >= 7


def test_a_flood_of_handshakes_is_told_in_few_lines(pair):
    """Who completes a handshake may cause a line, but not a line each: 20 a second of each worker,
    and one of what is omitted."""
    server = pair.start_server("--workers", "2")
    pair.start_client()
    pair.start_sink()
    pair.send("--flows", "2000", "--count", "2000", "--size", "100", "--rate", "2000")
    time.sleep(0.3)
    assert total(server, "flows-opened") == 2000
    lines = [line for line in server.log().splitlines() if "total" not in line]
    assert 20 <= sum("established" in line for line in lines) <= 100
    assert 1 <= sum("omitted" in line for line in lines) <= 4


# FINs of the leaving end as they arrive at the other: how many flows had theirs.
FINS = """
table inet watch {
    set fins { type inet_service; size 65535; flags dynamic; }
    set lost { type inet_service; size 65535; flags dynamic; }
    chain arrive {
        type filter hook prerouting priority -400; policy accept;
        RULE
    }
}
"""
COUNT_FINS = "tcp flags & fin == fin tcp {near} 4567 add @fins {{ tcp {far} }}"
LOSE_EACH_ONCE = ("tcp flags & fin == fin tcp {near} 4567 tcp {far} != @lost "
                  "add @lost {{ tcp {far} }} drop")


def watch_fins(host, rule, of_client):
    near, far = ("dport", "sport") if of_client else ("sport", "dport")
    host.nft(FINS.replace("RULE", rule.format(near=near, far=far)))


def flows_in(host, name):
    listing = json.loads(host.run("nft", "-j", "list", "set", "inet", "watch", name).stdout)
    return len(listing["nftables"][1]["set"].get("elem", ()))


def many_flows(world, flows):
    """A server and a client with so many."""
    server = world.start_server("--max-flows", flows)
    client = world.start_client("--max-flows", flows)
    world.start_sink()
    for _ in range(10):  # a first datagram may be lost where there is so much at once
        world.send("--flows", flows, "--count", 2 * flows, "--size", "64", "--rate", "5000")
        if total(server, "flows-opened") == flows:
            return server, client
    raise AssertionError(server.log())


@pytest.mark.parametrize("who", ["client", "server"])
def test_F17_each_of_ten_thousand_flows_has_its_fin_within_a_second(pair, who):
    server, client = many_flows(pair, 10_000)
    leaving, staying = (client, pair.server) if who == "client" else (server, pair.client)
    watch_fins(staying, COUNT_FINS, who == "client")
    begun = time.monotonic()
    assert leaving.stop() == 0
    taken = time.monotonic() - begun
    print(f"{who}: {taken:.2f} s")
    if attachment() == "nat":  # else the host's rules do not see them
        assert flows_in(staying, "fins") == 10_000
    assert total(client if who == "server" else server, "flows-closed") == 10_000
    assert taken < 1.5, f"it took {taken:.2f} s"


@pytest.mark.attach("nat")
def test_F17_a_fin_that_is_lost_at_shutdown_is_repeated_within_it(pair):
    server, client = many_flows(pair, 500)
    watch_fins(pair.server, LOSE_EACH_ONCE, True)
    assert client.stop() == 0
    assert flows_in(pair.server, "lost") == 500
    assert total(server, "flows-closed") == 500
