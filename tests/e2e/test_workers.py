"""Workers: each flow is one thread's from end to end, at either end of the tunnel, whatever number of
them the other end has. What only one of them can know, the others are told."""

import os
import re
import time

import pytest

from conftest import FTUN, READY, SERVER6, attached, flows_of, result, total, wait_until
from test_fragments import CLEAR_DF, CUT, assert_nothing_refused, narrow
from test_lifecycle import traces
from test_resume import PYTHON, SERVICE, forget_connections

APPLICATIONS = 32  # that all come to one of two workers happens once in 2**31 runs

# Each application asks from a port of its own until it is answered; prints what they were told.
ASK = """
import socket, sys
size, first, count = map(int, sys.argv[1:])
sockets = []
for port in range(6001 + first, 6001 + first + count):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", port))
    s.connect(("127.0.0.1", 5000))
    s.settimeout(0.1)
    sockets.append(s)
waiting = dict(enumerate(sockets))
answers = {}
for _ in range(100):
    for s in waiting.values():
        s.send(b"x" * size)
    for number, s in list(waiting.items()):
        try:
            answers[number] = s.recv(2000).split()[-1].decode()
            del waiting[number]
        except (TimeoutError, ConnectionRefusedError):
            pass
    if not waiting:
        break
print(*(answers.get(number, "-")[:8] for number in range(count)))
"""


def ask(world, size=100):
    """What each application was answered; all were."""
    answers = world.client.run(PYTHON, "-c", ASK, size, 0, APPLICATIONS, timeout=400).stdout.split()
    assert "-" not in answers, answers
    return answers


def flows_are_shared_out(process, count):
    """By chance: with few flows not every one of many workers has one."""
    return len({int(number) % count for number in flows_of(process)}) > 1 or count == 1


BOTH_ENDS = pytest.mark.parametrize("at_server, at_client", [(2, 2), (1, 3), (4, 1), (3, 2)])


def start(world, at_server, at_client, **client):
    return (world.start_server("--workers", at_server),
            world.start_client("--workers", at_client, **client))


@BOTH_ENDS
@pytest.mark.parametrize("remote", ["10.77.0.2:4567", f"[{SERVER6}]:4567"], ids=["ipv4", "ipv6"])
def test_F18_flows_stay_in_order_and_no_packet_is_misdirected(pair, at_server, at_client, remote):
    server, client = start(pair, at_server, at_client, remote=remote)
    options = ("--flows", "32", "--count", 20000, "--size", "1-1400", "--window", "256K",
               "--credit", pair.lab.directory / "credit", "--seconds", "240")
    far = pair.server.start(FTUN.parent / "ftun-load", "exchange", "--listen", "127.0.0.1:5001",
                            *options)
    far.wait_for(READY)
    near = pair.client.run(FTUN.parent / "ftun-load", "exchange", "--to", "127.0.0.1:5000",
                           *options, check=False, timeout=300)
    for process, count in ((server, at_server), (client, at_client)):
        assert total(process, "flows-opened") == 32
        assert total(process, "misdirected") == 0
        assert total(process, "handed-over") == 0
        assert flows_are_shared_out(process, count)
    assert near.returncode == 0, near.stderr + pair.counters()
    assert far.wait() == 0, far.log()


@BOTH_ENDS
def test_flows_resume_whatever_number_of_workers_either_end_has(routed, at_server, at_client):
    """The service sees the same ports: each flow came back to the worker that has it."""
    server, client = start(routed, at_server, at_client)
    routed.server.start(PYTHON, "-u", "-c", SERVICE).wait_for("ready")
    before = ask(routed)
    assert len(set(before)) == APPLICATIONS
    for times in (1, 2):
        forget_connections(routed.router)
        assert ask(routed) == before
        assert total(server, "flows-resumed") == times * APPLICATIONS
    assert flows_are_shared_out(server, at_server)
    assert total(server, "misdirected") == total(client, "misdirected") == 0
    assert total(server, "flows-opened") == APPLICATIONS


def test_what_a_router_complains_about_reaches_the_worker_of_the_flow(routed):
    server, client = start(routed, 2, 2, remote=f"[{SERVER6}]:4567")
    routed.start_sink("--echo")
    ask(routed)
    numbers = flows_of(client)
    assert flows_are_shared_out(client, 2)
    routed.server.sysctl("net.ipv6.icmp.ratelimit", 0)  # a complaint for each flow
    narrow(routed, "server", 1280)
    some = APPLICATIONS // 2
    for first in (0, some):
        time.sleep(1.1)  # a worker writes 20 lines about flows in a second
        routed.client.run(PYTHON, "-c", ASK.replace("range(100)", "range(1)"), 1400, first, some)
    for number in numbers:
        client.wait_for(rf"flow {number}: the path carries less .* is now 1220 bytes")
    ask(routed, 1220)
    assert total(client, "handed-over") > 0
    assert total(client, "hand-over-drops") == total(client, "misdirected") == 0
    assert total(server, "misdirected") == 0


def test_F01_fragments_are_joined_and_reach_the_worker_of_the_flow(routed):
    routed.router.nft(CLEAR_DF)
    server, client = start(routed, 2, 2)
    narrow(routed, "server", 576)
    routed.exchange(10000, 1400, smallest=CUT, window="64K")
    assert total(server, "packets-reassembled") == 5000
    assert flows_are_shared_out(server, 2)
    assert 0 < total(server, "handed-over") < 5000
    assert total(server, "misdirected") == total(server, "hand-over-drops") == 0
    assert total(client, "handed-over") == 0
    assert server.stop() == 0
    assert_nothing_refused(server)


def test_F01_whole_and_cut_together_lose_nothing_and_stay_in_order_each(routed):
    """Sizes of all kinds in the same flows, both ways at once, fragments at both ends."""
    routed.router.nft(CLEAR_DF)
    server, client = start(routed, 2, 2)
    for who in ("server", "client"):
        narrow(routed, who, 576)
    routed.exchange(40000, 1452, "--overtaking", CUT, smallest=64, window="64K")
    for end in (server, client):
        assert flows_are_shared_out(end, 2)
        assert total(end, "packets-reassembled") > total(end, "handed-over") > 0
        assert total(end, "misdirected") == total(end, "hand-over-drops") == 0


@pytest.mark.parametrize("who", ["server", "client"])
def test_F06_each_worker_has_a_queue_again_when_the_tun_was_lost(pair, who):
    ends = dict(zip(("server", "client"), start(pair, 2, 2)))
    pair.start_sink("--echo")
    ask(pair)
    for _ in range(2):
        getattr(pair, who).ip("link", "delete", "ftun0")
        ask(pair)
    for end in ends.values():
        assert flows_are_shared_out(end, 2)
        assert total(end, "flows-opened") == APPLICATIONS
        assert total(end, "misdirected") == 0
        assert not re.search(r"flow \d+ closed", end.log()), end.log()
    assert ends[who].log().count("is gone") == ends[who].log().count("is back") == 2


def test_what_all_workers_have_counted_is_told_in_one_sum(pair):
    server, client = start(pair, 2, 2)
    sink = pair.start_sink()
    # of each flow fewer than wait for its handshake
    pair.send("--flows", "50", "--count", "500", "--size", "100", "--rate", "1000")
    server.wait_for("established")
    wait_until(lambda: total(server, "datagrams-delivered") == 500)
    assert total(client, "flows-opened") == total(server, "flows-opened") == 50
    assert total(client, "datagrams-sent") == 500
    assert total(server, "bytes-delivered") == 50_000
    assert client.stop() == server.stop() == 0
    assert client.log().splitlines()[-1].startswith("info    total")
    assert client.log().count("info    total flows-closed: 50") == 1
    assert result(sink)["datagrams"] == 500


def test_a_limit_of_flows_is_one_for_all_workers(pair):
    server, client = start(pair, 2, 2)
    assert client.stop() == 0
    client = pair.start_client("--workers", "3", "--max-flows", "7")
    pair.start_sink()
    pair.send("--flows", "40", "--count", "200", "--size", "100", "--rate", "1000")
    server.wait_for("established")
    wait_until(lambda: total(server, "flows-opened") == 7)
    assert total(client, "flows-opened") == 7


def test_a_server_has_no_more_flows_than_it_may_whichever_worker_they_are_of(pair):
    server = pair.start_server("--workers", "2", "--max-flows", "7")
    pair.start_client("--workers", "2")
    pair.start_sink()
    pair.send("--flows", "40", "--count", "200", "--size", "100", "--rate", "1000")
    server.wait_for("established")
    wait_until(lambda: total(server, "flow-limit") >= 40 - 7)
    assert total(server, "flows-opened") == 7


def test_a_limit_of_flows_of_a_source_is_each_workers_own(pair):
    server = pair.start_server("--workers", "2", "--max-flows-per-source", "3")
    pair.start_client("--workers", "2")
    pair.start_sink()
    pair.send("--flows", "40", "--count", "200", "--size", "100", "--rate", "1000")
    server.wait_for("established")
    wait_until(lambda: total(server, "source-limit") >= 40 - 2 * 3)
    assert total(server, "flows-opened") == 2 * 3


def test_two_clients_cannot_listen_on_one_port(pair):
    """Sockets of one ftun share a port, those of two do not."""
    pair.start_client("--workers", "2")
    again = pair.client.run(*attached(FTUN, "client", "--workers", "2", "--local",
                                      "127.0.0.1:5000", "--remote", "10.77.0.2:4567"), check=False)
    assert again.returncode == 1
    assert "UDP port 5000 is in use by another program" in again.stderr


# --- how many ------------------------------------------------------------------------------------


def test_auto_is_one_for_each_processor_that_ftun_may_use(pair):
    everywhere = pair.start_client()
    usable = len(os.sched_getaffinity(0))
    if usable > 1:
        assert f"{usable} workers, each with flows of its own" in everywhere.log()
    one = pair.client.start(*attached(
        "taskset", "-c", min(os.sched_getaffinity(0)), FTUN, "client", "--local", "127.0.0.1:5009",
        "--remote", "10.77.0.2:4567"))
    one.wait_for(READY)
    assert "worker" not in one.log()


def test_one_worker_has_a_tun_of_one_queue(pair):
    pair.start_client("--workers", "1")
    assert "multi_queue" not in pair.client.ip("-d", "link", "show", "dev", "ftun0").stdout
    pair.start_server("--workers", "2")
    assert "multi_queue" in pair.server.ip("-d", "link", "show", "dev", "ftun0").stdout


def works_with_one(world, client, reason):
    assert re.search(rf"warning one worker only: .*{reason}", client.log()), client.log()
    world.start_server()
    world.start_sink("--echo")
    assert world.echo()["echoed"] == 100
    assert client.stop() == 0


@pytest.mark.attach("nat")
def test_where_the_kernel_takes_no_program_there_is_one_worker(pair):
    client = pair.client.start(*attached(
        "setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-bpf", FTUN, "client", "--workers",
        "2", "--local", "127.0.0.1:5000", "--remote", "10.77.0.2:4567"))
    client.wait_for(READY)
    works_with_one(pair, client, "the kernel takes no BPF program: Operation not permitted")


def test_a_tun_that_was_made_for_one_queue_has_one_worker(pair):
    pair.client.ip("tuntap", "add", "dev", "mine", "mode", "tun")
    client = pair.start_client("--setup", "none", "--tun", "mine", "--workers", "2")
    assert "warning one worker only: the TUN device mine was made for one queue" in client.log()
    assert client.stop() == 0
    assert "mine" in traces(pair.client)["links"]


def test_a_tun_for_several_queues_that_another_program_has_is_left_to_it(pair):
    """A program that opens one more queue of it would take a share of the packets."""
    pair.client.ip("tuntap", "add", "dev", "mine", "mode", "tun", "multi_queue")
    first = pair.start_client("--setup", "none", "--tun", "mine", "--workers", "2")
    for workers in "1", "2":
        second = pair.client.start(FTUN, "client", "--local", "127.0.0.1:5009", "--remote",
                                   "10.77.0.2:4567", "--setup", "none", "--tun", "mine",
                                   "--workers", workers)
        assert second.wait() == 1
        assert "mine: another program has it open; choose another --tun name" in second.log()
    assert first.stop() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_tun_that_was_made_for_several_queues_may_be_used(pair, workers):
    pair.client.ip("tuntap", "add", "dev", "mine", "mode", "tun", "multi_queue")
    client = pair.start_client("--setup", "none", "--tun", "mine", "--workers", workers)
    assert "one worker only" not in client.log()
    assert client.stop() == 0
