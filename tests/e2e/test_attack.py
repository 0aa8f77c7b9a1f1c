"""Strangers: floods, blind attacks on a living flow, packets that belong nowhere (F07, F08, F10), and
what one of them may cost the others."""

import json
import pathlib
import re
import time

import pytest

from conftest import LOAD, READY, SERVER4, SERVER6, attachment, result, total, wait_until

HERE = pathlib.Path(__file__).parent
WHAT_BLIND_SEGMENTS_COUNT_AS = ("sequence-outside-window", "ack-unacceptable", "fin-inexact",
                                "rst-inexact", "syn-in-connection")
ROOM = 100_000  # packets: what comes while an end has no processor waits in the queue of its TUN


def make_room(host, device="ftun0"):
    host.ip("link", "set", device, "txqueuelen", ROOM)


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
        make_room(world.server)
        make_room(world.client)
        world.start_sink("--echo")
        self.echo = world.client.start(LOAD, "echo", "--to", "127.0.0.1:5000", "--count", "1000000",
                                       "--interval-us", "2000", "--patience", "10")
        established = r"established: .* over (\S+):(\d+) to"
        self.own, self.port = self.client.wait_for(established).groups()
        self.seen_from = self.server.wait_for(r"established: (\S+) \(TCP\)")[1]
        self.gets_echoes()

    def gets_echoes(self):
        """A hundred more. Its connection may have been lost; silence is proven only after 15 s, and
        more attempts may follow."""
        before = total(self.client, "datagrams-delivered")
        wait_until(lambda: total(self.client, "datagrams-delivered") >= before + 100, 180)

    def has_lost_nothing(self, guessed=0):
        """But for what a queue had no room for, and what a blind segment may have upset that was
        taken for a true one."""
        self.gets_echoes()
        figures = result(self.echo)
        overflow = sum(total(end, "tunnel-overflow") for end in (self.server, self.client))
        assert figures["lost"] <= overflow and figures["corrupted"] <= guessed, (figures, overflow)
        for process in (self.server, self.client):
            assert total(process, "flows-opened") == 1
            assert not re.search(r"flow \d+ closed|connection lost", process.log()), process.log()

    def tun(self, process, address):
        """Its name, and the address that packets in it have, which is the host's with divert."""
        name, own = re.search(r"(\S+) is up: ([0-9.]+)?", process.log()).groups()
        return name, own or address


def forge(host, *options):
    return host.start(LOAD, "forge", *options)


def finish(*forgers):
    for process in forgers:
        assert process.wait(300) == 0, process.log()


def test_F07_a_million_spoofed_syns_at_full_speed_leave_memory_and_live_flows_unchanged(pair, lab):
    """By a link of their own, for that of the live flow is full when they come by it."""
    stranger = lab.host("stranger")
    lab.link(pair.server, stranger, ("eth1", "eth0"), (("10.88.0.1/24", "10.88.0.2/24"),))
    pair.server.ip("route", "add", "blackhole", "198.18.0.0/15")
    living = Living(pair)

    def flood(count):
        """Until each of them has been counted."""
        expected = accounted(living.server, pair.server) + count
        finish(forge(stranger, "--device", "eth0", "--mac", mac(pair.server, "eth1"), "--from",
                     "198.18.0.0:1", "--spread", "--to", f"{SERVER4}:4567", "--kinds", "S",
                     "--count", count))
        wait_until(lambda: accounted(living.server, pair.server) >= expected)

    flood(100_000)  # buffers that are used for the first time
    before = resident(living.server)
    received = total(living.server, "segments-received")
    flood(1_000_000)
    assert total(living.server, "segments-received") - received > 10_000  # 30,000 a second may pass
    assert resident(living.server) - before <= 256  # kB: 26 bytes for each
    living.has_lost_nothing()


def accounted(process, server):
    """Packets that have reached the server, or were dropped before by something that counts."""
    return (total(process, "segments-received") + total(process, "tunnel-overflow") +
            dropped_as_flood(process, server) + dropped_by_conntrack(server))


def dropped_by_conntrack(host):
    """Its table is full when a flood lasts for seconds; handshakes that are under way make room."""
    return sum(map(int, re.findall(r"\bdrop=(\d+)", host.run("conntrack", "-S").stdout)))


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
    living.gets_echoes()  # the last of them behind all of that, in either queue
    guessed = sum(100_000 - refused_as_blind(end) for end in (living.server, living.client))
    assert 0 <= guessed <= 1, living.server.log() + living.client.log()
    living.has_lost_nothing(guessed)


def refused_as_blind(process):
    """But for one now and then that is late data, and acknowledges what was acknowledged in the last
    second: of 25,000 with data, once in 2000 runs."""
    return sum(total(process, name) for name in WHAT_BLIND_SEGMENTS_COUNT_AS)


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
    living.gets_echoes()
    figures = result(living.echo)
    assert figures["corrupted"] <= 1, figures  # see refused_as_blind()
    assert total(living.client, "flows-opened") == 1 and total(living.client, "flows-closed") == 0
    assert routed.echo(count=50)["echoed"] == 50


def ask_as_stranger(world, ours, theirs, port):
    return json.loads(world.client.run("/usr/bin/python3", HERE / "stranger.py", "eth0", ours,
                                       theirs, port, mac(world.server)).stdout)


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
time.sleep(600)
"""


def test_one_address_has_no_more_flows_than_it_may(pair):
    server = pair.start_server("--max-flows-per-source", "3", "--workers", "1")
    pair.start_client()
    pair.start_sink()
    pair.send("--flows", "10", "--count", "100", "--size", "100", "--rate", "500")
    server.wait_for("established")
    wait_until(lambda: total(server, "source-limit") >= 7)
    assert total(server, "flows-opened") == 3


def test_a_flood_of_handshakes_is_told_in_few_lines(pair):
    """Who completes a handshake may cause a line, but not a line each: 20 a second of each worker,
    and one of what is omitted."""
    server = pair.start_server("--workers", "2")
    pair.start_client()
    pair.start_sink("--echo")
    begun = time.monotonic()
    open_flows(pair, 2000)
    server.wait_for("omitted")
    lines = [line for line in server.log().splitlines() if "total" not in line]
    seconds = time.monotonic() - begun
    assert total(server, "flows-opened") == 2000
    assert 20 <= sum("established" in line for line in lines) <= 2 * 20 * (seconds + 1)
    assert 1 <= sum("omitted" in line for line in lines) <= 2 * (seconds / 10 + 1)


def open_flows(world, flows):
    """So many, each of which has had an echo."""
    done = world.client.run(LOAD, "crowd", "--to", "127.0.0.1:5000", "--flows", flows, "--open-rate",
                            2000, "--rate", 1, "--seconds", 0.1, timeout=300)
    assert json.loads(done.stdout)["opened"] == flows


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
    """A server and a client with so many, which not each worker has the same share of."""
    server = world.start_server("--max-flows", 2 * flows)
    client = world.start_client("--max-flows", 2 * flows)
    world.start_sink("--echo")
    open_flows(world, flows)
    for host in (world.server, world.client):
        make_room(host)  # for the FINs
    assert total(server, "flows-opened") == flows
    return server, client


@pytest.mark.parametrize("who", ["client", "server"])
def test_F17_each_of_ten_thousand_flows_has_its_fin(pair, who):
    server, client = many_flows(pair, 10_000)
    leaving, staying = (client, pair.server) if who == "client" else (server, pair.client)
    watch_fins(staying, COUNT_FINS, who == "client")
    assert leaving.stop() == 0
    if attachment() == "nat":  # else the host's rules do not see them
        assert flows_in(staying, "fins") == 10_000
    wait_until(lambda: total(client if who == "server" else server, "flows-closed") == 10_000)


@pytest.mark.attach("nat")
def test_F17_a_fin_that_is_lost_at_shutdown_is_repeated_within_it(pair):
    """Of few flows, which all have their FIN at once: one that leaves when half of the time is over,
    as it does on a machine that was busy with others, has none."""
    server, client = many_flows(pair, 20)
    watch_fins(pair.server, LOSE_EACH_ONCE, True)
    assert client.stop() == 0
    assert flows_in(pair.server, "lost") == 20
    wait_until(lambda: total(server, "flows-closed") == 20)
