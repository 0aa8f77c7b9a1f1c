"""Whose ports are whose, with divert: the tunnel has its own and none of the host's; and who
may come."""

import re
import signal
import sys

import pytest

import kernel_tcp
from conftest import FTUN, READY, SERVER4, SERVER6, attached, wait_until
from test_usage import SERVER, refused

pytestmark = pytest.mark.attach("divert")


def tells(process, pattern):
    """It does among its counters."""
    process.send_signal(signal.SIGUSR1)
    return re.search(pattern, process.log())


def ports_of(client):
    """First and last of the ports that a client has taken for itself."""
    return tuple(map(int, re.search(r"with TCP ports (\d+) to (\d+)", client.log()).groups()))


def test_a_port_in_use_names_its_owner(pair):
    owner = kernel_tcp.serve(pair.server)
    refused(pair.server, FTUN, *SERVER, code=1, says=f"(pid {owner.pid})")


def test_a_servers_port_is_nobody_elses(pair):
    """Nor on an address of its own: the tunnel is on all of them."""
    pair.start_server()
    done = pair.server.run(sys.executable, "-c", kernel_tcp.SERVER.replace('"::"', '"::1"'),
                           check=False)
    assert "Address already in use" in done.stderr


CHOOSE = """
import socket
sockets = []
for _ in range(2000):
    sockets.append(socket.socket())
    sockets[-1].bind(("", 0))
print(min(s.getsockname()[1] for s in sockets), max(s.getsockname()[1] for s in sockets))
print(*[s.getsockname()[1] for s in sockets])
"""


def test_the_kernel_chooses_none_of_a_clients_ports(pair):
    first, last = ports_of(pair.start_client())
    chosen = list(map(int, pair.client.run(sys.executable, "-c", CHOOSE).stdout.split()))
    assert not [port for port in chosen if first <= port <= last]
    assert len(set(chosen)) >= 2000


# Connections from ports of one's own choice, which are then kept.
CONNECT_FROM = """
import socket, sys, time
kept = [socket.create_connection((sys.argv[1], 4567), source_address=("", int(port)))
        for port in sys.argv[2:]]
print("connected", flush=True)
time.sleep(600)
"""


def test_a_client_takes_no_ports_from_which_the_kernel_is_connected(pair):
    """All over the range, but for one gap in which there is room."""
    kernel_tcp.serve(pair.server)
    ports = [port for port in range(32768, 61000, 2000) if not 42000 < port < 52000]
    below, above = max(p for p in ports if p < 42000), min(p for p in ports if p > 52000)
    pair.client.start(sys.executable, "-c", CONNECT_FROM, SERVER4, *ports).wait_for("connected")
    for _ in range(3):
        client = pair.start_client()
        first, last = ports_of(client)
        assert below < first and last < above
        assert client.stop() == 0


def test_clients_have_different_ports(pair):
    clients = [pair.client.start(*attached(FTUN, "client", "--local", f"127.0.0.1:{5300 + i}",
                                           "--remote", "10.77.0.2:4567")) for i in range(3)]
    for client in clients:
        client.wait_for(READY)
    blocks = sorted(ports_of(client) for client in clients)
    assert all(one[1] < other[0] for one, other in zip(blocks, blocks[1:]))


def test_clients_have_different_ports_where_none_need_be_reserved(pair):
    """The kernel chooses from elsewhere; with so many flows there is room for two of them."""
    pair.client.sysctl("net.ipv4.ip_local_port_range", "10000 20000")
    clients = [pair.start_client("--max-flows", "7040", local=f"127.0.0.1:{5300 + i}")
               for i in range(2)]
    (_, last), (first, _) = sorted(ports_of(client) for client in clients)
    assert last < first


@pytest.mark.parametrize("range", ["1024 60999", "32768 60999"], ids=["reserved", "not reserved"])
def test_the_ports_of_a_client_are_no_other_clients(pair, range):
    pair.client.sysctl("net.ipv4.ip_local_port_range", range)
    pair.start_client("--ports", "20000-20099")
    refused(pair.client, FTUN, "client", "--local", "127.0.0.1:5300", "--remote", "10.77.0.2:4567",
            "--attach", "divert", "--ports", "20099-20199", code=1, says="20099")
    pair.start_client("--ports", "20100-20199", local="127.0.0.1:5300")


def test_other_connections_to_the_server_are_the_hosts(pair):
    """From the client's host to the very port of the tunnel's server, and it answers: they are not
    swallowed by the client that runs there."""
    pair.start_server()
    pair.start_client()
    pair.start_sink("--echo")
    assert pair.echo()["echoed"] == 100
    for there in (SERVER4, SERVER6):
        pair.client.run(sys.executable, "-c", "import socket, sys\n"
                        "socket.create_connection((sys.argv[1], 4567), timeout=60)", there)
    assert pair.echo()["echoed"] == 100


def test_what_a_router_forwards_is_not_its_own(routed):
    """A router runs a server of the same port as a host behind it."""
    kernel_tcp.serve(routed.server)
    routed.start_server(host=routed.router)
    routed.start_sink("--echo", host=routed.router)
    routed.start_client(remote="10.1.0.1:4567")
    assert routed.echo()["echoed"] == 100
    for there in (SERVER4, SERVER6):
        answer = kernel_tcp.ask(routed.client, there).stdout
        assert answer == "the kernel\n"


@pytest.mark.parametrize("ours, theirs, remote", [
    ("10.77.0.0/24", "10.77.1.0/24", SERVER4), ("fd77::/64", "fd78::/64,10.0.0.0/8",
                                                f"[{SERVER6}]")], ids=["ipv4", "ipv6"])
def test_allow_from(pair, ours, theirs, remote):
    """Others are dropped before ftun reads them, and counted."""
    pair.start_sink("--echo")
    closed = pair.start_server("--allow-from", theirs)
    pair.start_client(remote=f"{remote}:4567")
    assert pair.echo(count=1, patience=1)["echoed"] == 0
    wait_until(lambda: tells(closed, r"total divert-not-allowed: [1-9]"))
    assert closed.stop() == 0
    assert "segments-received" not in closed.log()
    pair.start_server("--allow-from", f"192.0.2.1,{ours}")
    pair.start_client(local="127.0.0.1:5001", remote=f"{remote}:4567")
    assert pair.echo(to="127.0.0.1:5001")["echoed"] == 100
