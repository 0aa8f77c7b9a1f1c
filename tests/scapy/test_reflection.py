"""F10: ends that answer each other's unknown packets fall silent, by themselves and soon."""

import threading
import time

from scapy.layers.inet import IP, TCP
from scapy.packet import Raw

from conftest import ONE_WORKER, e2e
from counters import Counters, growth
from living import LivingServer
from tun import Tun

UNKNOWN = 1000
# Segments of no connection, and what a closed port answers (RFC 9293 3.10.7.1).
FLAGS_ANSWERED, FLAGS_SILENT = ("A", "PA", "FA", "SA", "F"), ("R", "RA")


def stranger(source, destination, flags):
    """A segment with data that belongs to no connection; ports as client or server have them."""
    sport, dport = (4567, 20000) if source == e2e.SERVER4 else (20000, 4567)
    return bytes(IP(src=source, dst=destination) / TCP(
        sport=sport, dport=dport, flags=flags, seq=1000, ack=7) / Raw(b"who are you?"))


def until_quiet(tuns):
    """Wait until no ftun has read anything for half a second, though it had its turn; how many packets
    each read."""
    before = None
    for _ in range(100):
        for tun in tuns:
            Counters(tun.ftun).read()
        now = [tun.read_by_ftun()[0] for tun in tuns]
        if now == before:
            return now
        before = now
        time.sleep(0.5)
    raise AssertionError("they are still talking")


def both_ends(pair):
    """A tunnel in which one flow has been: counters that are 0 are not told."""
    server = pair.start_server(*ONE_WORKER)
    client = pair.start_client(*ONE_WORKER, "--keepalive", "off")
    pair.start_sink("--echo")
    assert pair.echo(count=10)["echoed"] == 10
    return server, client


def test_F10_two_ends_do_not_storm_over_packets_that_neither_knows(pair):
    """What is injected at one end is answered once by an RST, which crosses to the other and ends
    there."""
    server, client = both_ends(pair)
    tuns = near, far = Tun(pair.client, client), Tun(pair.server, server)
    counters = Counters(client), Counters(server)
    quiet = until_quiet(tuns)
    before = [counter.read() for counter in counters]
    for flags in FLAGS_ANSWERED + FLAGS_SILENT:
        near.send_all([stranger(e2e.SERVER4, near.ipv4, flags)] * UNKNOWN)
        far.send_all([stranger("10.77.0.1", far.ipv4, flags)] * UNKNOWN)
    injected = UNKNOWN * len(FLAGS_ANSWERED + FLAGS_SILENT)
    read = [now - then for now, then in zip(until_quiet(tuns), quiet)]
    grown = [growth(then, counter.read()) for then, counter in zip(before, counters)]
    sent = [counts["segments-sent"] for counts in grown]
    answerable = UNKNOWN * len(FLAGS_ANSWERED)
    for end in range(2):
        probes = tuns[end].probes
        assert sent[end] <= answerable + probes
        assert read[end] <= injected + probes + sent[1 - end]
    for tun in tuns:
        tun.close()
    assert pair.echo(count=10)["echoed"] == 10


def test_F10_never_an_rst_for_an_rst(pair):
    LivingServer.prepare(pair.server)
    server, _ = both_ends(pair)
    tun, counters = Tun(pair.server, server), Counters(server)
    until_quiet([tun])
    before = counters.read()
    for flags in FLAGS_SILENT:
        tun.send_all([stranger("10.66.0.1", tun.ipv4, flags)] * UNKNOWN)
    until_quiet([tun])
    grown = growth(before, counters.read())
    assert grown["not-ours-flow"] == UNKNOWN * len(FLAGS_SILENT)
    assert grown["segments-sent"] == tun.probes  # the SYN-ACKs that probes ask for
    tun.close()


def test_F10_answers_to_strangers_are_limited(pair):
    """Whoever is spoofed gets at most a thousand a second, and those of the second before."""
    LivingServer.prepare(pair.server)
    server, _ = both_ends(pair)
    tun, counters = Tun(pair.server, server), Counters(server)
    until_quiet([tun])
    pair.server.ip("link", "set", tun.device, "txqueuelen", 30 * UNKNOWN)  # for all of them at once
    unknown = stranger("10.66.0.1", tun.ipv4, "A")
    before, begun = counters.read(), time.monotonic()
    for _ in range(20 * UNKNOWN):
        tun.send(unknown)
    tun.await_answer(tun.probe())
    seconds = time.monotonic() - begun
    grown = growth(before, counters.read())
    answered = grown["segments-sent"] - tun.probes
    assert answered + grown["answers-suppressed"] == grown["not-ours-flow"] == 20 * UNKNOWN
    assert answered <= 1000 * (seconds + 1) and grown["answers-suppressed"] > 0
    tun.close()


def mirror(tun, ears, done):
    """Somebody who sends everything back with its ends exchanged."""
    ears.settimeout(0.1)
    while not done.is_set():
        try:
            packet = bytearray(ears.recv(65536))
        except TimeoutError:
            continue
        packet[12:16], packet[16:20] = packet[16:20], packet[12:16]
        packet[20:22], packet[22:24] = packet[22:24], packet[20:22]
        tun.send(bytes(packet))  # its checksums do not care
    ears.close()


def test_F10_a_mirror_does_not_keep_a_server_talking(pair):
    LivingServer.prepare(pair.server)
    server, _ = both_ends(pair)
    tun, done = Tun(pair.server, server), threading.Event()
    reflecting = threading.Thread(target=mirror, args=(tun, tun.listen("10.66.9.9"), done))
    reflecting.start()
    before = until_quiet([tun])[0]
    for flags in ("S", *FLAGS_ANSWERED, *FLAGS_SILENT):
        tun.send(stranger("10.66.9.9", tun.ipv4, flags))
    read = until_quiet([tun])[0] - before
    done.set()
    reflecting.join()
    tun.close()
    # one each, the reflection of the answer, and for the SYN-ACK's reflection an RST's as well
    assert read <= 8 + 6 + 1


def test_F10_a_server_that_is_made_to_talk_to_itself_falls_silent(pair):
    """The LAND attack of 1997: from its own address and port to its own address and port."""
    server, _ = both_ends(pair)
    tun = Tun(pair.server, server)
    before = until_quiet([tun])[0]
    tun.send(bytes(IP(src=tun.ipv4, dst=tun.ipv4) / TCP(sport=4567, dport=4567, flags="S")))
    read = until_quiet([tun])[0] - before
    tun.close()
    assert 1 <= read <= 10
    assert pair.echo(count=10)["echoed"] == 10
