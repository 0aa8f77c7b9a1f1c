"""A divert that ends, or dies: the port is the kernel's again, and nothing is left that matters."""

import json
import pathlib
import signal
import sys

import pytest

import kernel_tcp
from conftest import SERVER4, SERVER6
from test_lifecycle import traces

pytestmark = pytest.mark.attach("divert")

HERE = pathlib.Path(__file__).parent
HOOKS = pytest.mark.parametrize("hook", ["tcx", "clsact"])
RESERVED = "net.ipv4.ip_local_reserved_ports"


def hooks(host):
    """By device, as hooks.py says."""
    return json.loads(host.run(sys.executable, HERE / "hooks.py").stdout)


def all_traces(host):
    return traces(host), hooks(host), host.sysctl(RESERVED)


def start(world, hook, remote=SERVER4):
    ends = (world.start_server("--divert-hook", hook),
            world.start_client("--divert-hook", hook, remote=f"{remote}:4567"))
    sink = world.start_sink("--echo")
    assert world.echo()["echoed"] == 100
    sink.stop()
    return ends


@HOOKS
def test_signals_leave_nothing(pair, hook):
    pair.client.sysctl(RESERVED, "8080")
    before = all_traces(pair.client), all_traces(pair.server)
    for number in (signal.SIGTERM, signal.SIGINT):
        ends = start(pair, hook)
        for host in (pair.client, pair.server):
            assert "eth0" in all_traces(host)[1]  # else this looks in the wrong place
        assert all_traces(pair.client)[2].startswith("8080,")
        for end in ends:
            assert end.stop(number) == 0
        assert (all_traces(pair.client), all_traces(pair.server)) == before


# As soon as it may have the port; each connection is answered.
SERVER = f"""
import socket, time
while True:
    try:
        {kernel_tcp.LISTEN}
        break
    except OSError:
        time.sleep(0.01)
{kernel_tcp.ANSWER}"""

# Anew each second: a handshake may be lost with the port's owner.
ASK = """
import socket, sys, time
while True:
    try:
        with socket.create_connection((sys.argv[1], 4567), timeout=1) as asked:
            if asked.recv(100) == b"the kernel":
                break
    except OSError:
        time.sleep(0.01)
"""


@HOOKS
@pytest.mark.parametrize("there", [SERVER4, SERVER6], ids=["ipv4", "ipv6"])
def test_port_of_a_killed_server_is_the_kernels(pair, hook, there):
    """Even while the client still sends to it."""
    before = all_traces(pair.server)
    server, _ = start(pair, hook, remote=f"[{there}]" if ":" in there else there)
    pair.server.start(sys.executable, "-c", SERVER)
    server.stop(signal.SIGKILL)
    pair.client.run(sys.executable, "-c", ASK, there)
    assert pair.start_server("--divert-hook", hook, local="4568").stop() == 0
    assert all_traces(pair.server) == before


@HOOKS
def test_ports_of_a_killed_client_are_given_back(pair, hook):
    """At the next start of any ftun; those of others stay reserved."""
    pair.client.sysctl(RESERVED, "8080,40000-40010")
    before = all_traces(pair.client)
    _, client = start(pair, hook)
    client.stop(signal.SIGKILL)
    assert pair.client.sysctl(RESERVED) != before[2]
    assert pair.start_client("--divert-hook", hook).stop() == 0
    assert all_traces(pair.client) == before


def test_another_instance_outlives_a_kill(pair):
    """Nor does the next start take for a leftover what belongs to the living."""
    server, _ = start(pair, "clsact")
    other = pair.start_server("--divert-hook", "clsact", local="4568")
    other.stop(signal.SIGKILL)
    pair.start_server("--divert-hook", "clsact", local="4569")
    pair.start_sink("--echo")
    assert pair.echo()["echoed"] == 100, server.log()
