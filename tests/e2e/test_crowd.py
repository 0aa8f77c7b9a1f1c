"""Many flows: each gets its own answers, whether it has a UDP socket of its own or shares one."""

import json
import os
import re
import socket

import pytest

from conftest import FTUN, LOAD, READY, SERVER4, attached, total, wait_until

FLOWS = 2000
TABLE = 10000  # flows that the memory is for
A_FLOW = 512   # bytes, beside its socket
SLACK = 2 << 20  # bytes: what a process of any size touches one day, and a sanitizer's share


def crowd(world, flows=FLOWS, seconds=4):
    """The figures of a crowd's flows; the answers to its tunnel's. What it sends in half a second
    fits the queue of a TUN."""
    done = world.client.run(LOAD, "crowd", "--to", "127.0.0.1:5000", "--flows", flows,
                            "--open-rate", 1000, "--rate", 500, "--seconds", seconds, "--patience",
                            60, check=False, timeout=300)
    return json.loads(done.stdout)


def total_at_end(process, counter):
    """A counter of an ftun that has ended; 0 when it was none."""
    assert process.stop() == 0
    found = re.search(rf"total {counter}: (\d+)", process.log())
    return int(found[1]) if found else 0


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def resident(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024


def assert_all_answered(figures, flows=FLOWS):
    assert figures["opened"] == flows
    assert figures["astray"] == 0
    assert figures["sent"] > 0
    assert figures["lost"] == 0


def shared_port(world):
    """The port of the server's shared socket: the one of its host that is bound to no address."""
    listing = world.server.run("ss", "-Hulnp").stdout
    return int(re.search(r"0\.0\.0\.0%lo:(\d+).*\"ftun\"", listing)[1])


@pytest.fixture
def small(pair):
    """What an ftun takes that has room for one flow."""
    server = pair.start_server("--max-flows", "1", local="4568")
    client = pair.start_client("--max-flows", "1", local="127.0.0.1:5009")
    return resident(server), resident(client)


def test_flows_that_share_a_socket(pair, small):
    pair.start_sink("--echo")
    server = pair.start_server("--upstream-sockets", "shared", "--max-flows", TABLE)
    client = pair.start_client("--max-flows", TABLE)
    before = descriptors(server)
    figures = crowd(pair)
    assert_all_answered(figures)
    assert descriptors(server) == before
    assert resident(server) - small[0] <= TABLE * A_FLOW + SLACK
    assert resident(client) - small[1] <= TABLE * A_FLOW + SLACK
    device = re.search(r"(\S+) is up", server.log())[1]
    pair.server.ip("link", "set", device, "txqueuelen", FLOWS)  # room for every FIN
    assert total_at_end(client, "flows-closed") == FLOWS
    wait_until(lambda: total(server, "flows-closed") == FLOWS)
    assert total_at_end(server, "upstream-strangers") == 0


def test_F16_flows_share_a_socket_when_descriptors_run_short(pair):
    pair.start_sink("--echo")
    server = pair.server.start(*attached(
        "prlimit", "--nofile=170:170", FTUN, "server", "--local", "4567", "--remote",
        "127.0.0.1:5001", "--workers", "1"))
    server.wait_for(READY)
    assert "16384 flows: 100 with a UDP socket each" in server.log()
    pair.start_client()
    before = descriptors(server)
    assert_all_answered(crowd(pair, flows=300), flows=300)
    assert descriptors(server) == before + 100
    assert total(server, "flows-opened") == 300
    assert "socket-failures" not in server.log()


def test_F16_without_sharing_there_are_as_many_flows_as_descriptors(pair):
    server = pair.server.start(*attached(
        "prlimit", "--nofile=170:170", FTUN, "server", "--local", "4567", "--remote",
        "127.0.0.1:5001", "--workers", "1", "--upstream-sockets", "each"))
    server.wait_for(READY)
    assert "at most 100 flows: the limit of open files" in server.log()


def test_sharing_wants_a_service_on_loopback(pair):
    done = pair.server.run(*attached(FTUN, "server", "--local", "4567", "--remote",
                                     f"{SERVER4}:5001", "--upstream-sockets", "shared"),
                           check=False)
    assert done.returncode == 1
    assert "127.0.0.0/8" in done.stderr


SPEAK = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"forged")
try:
    s.recv(100)
except OSError as error:
    print(type(error).__name__)
"""


def test_a_shared_socket_hears_the_service_alone(pair):
    pair.start_sink("--echo")
    server = pair.start_server("--upstream-sockets", "shared")
    pair.start_client()
    assert pair.echo(count=10)["echoed"] == 10
    port = shared_port(pair)
    # from the network it is not there; on its own host nobody else is believed
    outside = pair.client.run("/usr/bin/python3", "-c", SPEAK, SERVER4, port)
    assert outside.stdout.strip() == ConnectionRefusedError.__name__
    inside = pair.server.run("/usr/bin/python3", "-c", SPEAK, "127.128.0.0", port)
    assert inside.stdout.strip() == socket.timeout.__name__
    assert total(server, "upstream-strangers") == 1
    assert total(server, "datagrams-sent") == 10


def test_F09_a_service_that_is_gone_and_comes_back(pair):
    server = pair.start_server("--upstream-sockets", "shared")
    pair.start_client()
    assert pair.echo(count=1, patience=1)["echoed"] == 0
    pair.start_sink("--echo")
    assert pair.echo(count=10)["echoed"] == 10
    assert total(server, "application-refused") == 1
