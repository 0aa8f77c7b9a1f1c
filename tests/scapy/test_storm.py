"""Storms of hostile packets at a running ftun: no traffic is lost, memory stays, all is counted."""

import itertools
import struct

from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6PacketTooBig
from scapy.packet import Raw

from conftest import ONE_WORKER, Traffic
from counters import Counters, resident
from living import LivingServer, living_client
from mutation import Mutator
from packets import DESTINATION_OPTIONS, extension, with_extensions
from session import Session
from tun import Tun

ROUND = 5_000  # mutations of the packets of one connection
# What a process may still touch for the first time after a warm-up: flow slots that were never in
# use, a page of the log's buffer; and when datagrams have waited for it, a page of each of the 64
# buffers that a call receives into. A leak of 16 bytes a packet would be more.
SETTLED = 256 + 64 * 4 + 64  # kilobytes

# What is read off the TUN ends in exactly one of these, or is a segment, a fragment, or an ICMP
# error; a segment put together of fragments is one more, and so counted back.
UNREADABLE = ("truncated-", "malformed-ip-", "malformed-tcp-", "malformed-icmp-",
              "unsupported-extension", "unsupported-protocol")


def accounted(totals):
    """Packets that ftun has read, by its own counters."""
    unreadable = sum(count for name, count in totals.items() if name.startswith(UNREADABLE))
    return (unreadable + totals.get("segments-received", 0) + totals.get("fragments-received", 0) +
            totals.get("icmp-errors-received", 0) - totals.get("packets-reassembled", 0))


def assert_accounted(tun, counters):
    """Every packet that the kernel gave to ftun is in a counter. Asked until nothing came while
    asking."""
    for _ in range(1000):
        given, dropped = tun.read_by_ftun()
        totals = counters.read()
        if tun.read_by_ftun()[0] == given:
            break
    assert dropped == 0
    assert accounted(totals) == given, totals


def assert_settled(before, after, sanitized):
    """Memory has stayed. What sanitizers keep of their own grows."""
    print(f"resident memory: {before} kB before, {after} kB after")
    assert sanitized or after - before <= SETTLED


def pool(session):
    """Valid packets of a connection: what mutations start from."""
    if session.family == 6:
        error = ICMPv6PacketTooBig(mtu=1400)
        pad = (DESTINATION_OPTIONS, extension())
        extra = [with_extensions(session.data(), pad), with_extensions(session.data(), pad, pad),
                 bytes(session.ip() / error / Raw(session.quote()))]
    else:
        extra = [bytes(session.ip(proto=1) / ICMP(type=3, code=4, nexthopmtu=1400) /
                       Raw(session.quote())), session.segment("S", sport=session.their_port + 1)]
    return [session.data(), session.data(b"x" * 400), session.segment("A"),
            session.data(options=b"\x01\x01\x08\x0a" + b"\0" * 8), *extra]


def storm(wire, mutator, count):
    """Mutations of new connections' packets, at the speed of ftun."""
    for number in range(0, count, ROUND):
        family = 6 if wire.role == "server" and number // ROUND % 2 else 4
        session = Session(wire, family, wire.role)
        session.open()
        wire.tun.send_all(mutator.mutations(pool(session), min(ROUND, count - number)))
        wire.barrier()
        wire.forget()
        yield


def test_a_storm_of_mutations_leaves_a_server_as_it_was(pair, sanitized):
    """100,000 of them, and 20,000 where sanitizers make each slow."""
    LivingServer.prepare(pair.server)
    pair.server.run("ethtool", "-K", "eth0", "gro", "off")  # a packet of the TUN is one segment
    ftun = pair.start_server(*ONE_WORKER)
    pair.start_client()
    traffic = Traffic(pair, strays=True)
    ftun.wait_for("established")
    wire, counters, mutator = LivingServer(Tun(pair.server, ftun)), Counters(ftun), Mutator(1)
    count = 20_000 if sanitized else 100_000
    before = None
    for number, _ in enumerate(storm(wire, mutator, count + 4 * ROUND)):
        traffic.keep_going()
        if number == 3:  # warmed up
            before = resident(ftun)
    after = resident(ftun)
    traffic.check()
    wire.barrier()
    assert_accounted(wire.tun, counters)
    assert_settled(before, after, sanitized)
    wire.close()
    assert ftun.stop() == 0, ftun.log()


def test_a_storm_of_mutations_leaves_a_client_as_it_was(pair, sanitized):
    ftun, echoes, wire = living_client(pair)
    counters, mutator = Counters(ftun), Mutator(2)
    count = 10_000 if sanitized else 50_000
    before = None
    for number, _ in enumerate(storm(wire, mutator, count + 2 * ROUND)):
        if number == 1:
            before = resident(ftun)
    after = resident(ftun)
    echoes.check()
    assert_accounted(wire.tun, counters)
    assert_settled(before, after, sanitized)
    wire.close()
    assert ftun.stop() == 0, ftun.log()


def syns(tun, count):
    """SYNs from 131,072 addresses and any port, no two alike: 198.18.0.0/15 is for such tests."""
    packet = bytearray(bytes(IP(src="198.18.0.0", dst=tun.ipv4, id=1) / TCP(
        sport=0, dport=4567, flags="S", seq=0, window=64240)))
    network, transport = (~struct.unpack_from("!H", packet, at)[0] & 0xffff for at in (10, 36))
    for number in range(count):
        high, low, port = number >> 16 & 1, number & 0xffff, 1024 + number % 60_000
        sequence = number * 2654435761 & 0xffffffff
        address = high + low
        struct.pack_into("!HHH", packet, 10, ~folded(network + address) & 0xffff,
                         (198 << 8 | 18) + high, low)
        struct.pack_into("!HHI", packet, 20, port, 4567, sequence)
        total = transport + address + port + (sequence >> 16) + (sequence & 0xffff)
        struct.pack_into("!H", packet, 36, ~folded(total) & 0xffff)
        yield bytes(packet)


def folded(total):
    total = (total & 0xffff) + (total >> 16)
    return (total & 0xffff) + (total >> 16)


def test_F07_a_million_spoofed_syns_leave_memory_and_live_flows_unchanged(pair, sanitized):
    """A hundred thousand where sanitizers make each slow."""
    LivingServer.prepare(pair.server)
    pair.server.ip("route", "add", "blackhole", "198.18.0.0/15")
    ftun = pair.start_server(*ONE_WORKER)
    pair.start_client()
    traffic = Traffic(pair)
    ftun.wait_for("established")
    tun, counters = Tun(pair.server, ftun), Counters(ftun)
    count = 100_000 if sanitized else 1_000_000
    flood = syns(tun, count)
    sent = 0
    for tenth in range(10):
        for _ in range(10):
            sent += tun.send_all(itertools.islice(flood, count // 100))
            traffic.keep_going()
        if tenth == 0:  # warmed up: live traffic has bursts as large as they get beside a flood
            before = resident(ftun)
    assert sent == count
    tun.await_answer(tun.probe())
    after = resident(ftun)
    assert tun.read_by_ftun()[1] == 0  # else it is the kernel that has dropped live traffic
    traffic.check()
    totals = counters.read()
    assert totals["segments-sent"] > sent  # each was answered
    assert totals["flows-opened"] <= 8 * traffic.runs  # and opened nothing
    assert not counters.refusals(totals)
    assert_settled(before, after, sanitized)
    tun.close()
    assert ftun.stop() == 0, ftun.log()


def test_the_spoofed_syns_are_valid_and_differ():
    """A SYN with a wrong checksum would prove nothing: scapy sums them again."""

    class Somewhere:
        ipv4 = "192.168.201.2"

    seen = set()
    for packet in itertools.chain(syns(Somewhere, 200),
                                  itertools.islice(syns(Somewhere, 140_000), 139_900, None)):
        parsed = IP(packet)
        sums = parsed.chksum, parsed[TCP].chksum
        del parsed.chksum, parsed[TCP].chksum
        again = IP(bytes(parsed))
        assert (again.chksum, again[TCP].chksum) == sums
        seen.add((parsed.src, parsed.sport, parsed.seq))
    assert len(seen) == 300
