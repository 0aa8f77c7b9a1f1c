"""Applications that go, come back, and come by the thousand: what one does is no matter to others."""

import pytest

from conftest import LOAD, dropped_by_devices, flows_of, result, total, wait_until
from test_lifecycle import traffic_is_back

SPEAK = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 6000))
while True:
    s.sendto(b"nobody is there", ("127.0.0.1", 5000))
    time.sleep(0.01)
"""


@pytest.mark.parametrize("application", ["127.0.0.1:5001", "[::1]:5001"], ids=["ipv4", "ipv6"])
def test_F09_an_application_of_the_server_may_restart(pair, application):
    """ECONNREFUSED from the application's port: counted, the flow stays."""
    server = pair.start_server(remote=application)
    client = pair.start_client()
    sink = pair.start_sink("--echo", listen=application)
    traffic_is_back(pair)
    sink.stop()
    speaker = pair.client.start("/usr/bin/python3", "-c", SPEAK)
    server.wait_for("application-refused: the application's port is closed")
    wait_until(lambda: total(server, "application-refused") >= 10)
    speaker.stop()
    pair.start_sink("--echo", listen=application)
    traffic_is_back(pair)
    assert "closed: " not in client.log() + server.log().replace("port is closed: ", "")
    assert len(flows_of(client)) == 1


STREAM = """
import itertools, socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 5001))
print("ready", flush=True)
data, peer = s.recvfrom(2000)
for number in itertools.count():
    s.sendto(str(number).encode(), peer)
    time.sleep(0.005)
"""

STREAM_AND_ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 5001))
print("ready", flush=True)
data, first = s.recvfrom(2000)
s.settimeout(0.001)
while True:
    s.sendto(b"more", first)
    try:
        data, peer = s.recvfrom(2000)
        s.sendto(data, peer)
    except TimeoutError:
        pass
"""

LISTEN = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 6000))
s.settimeout(60)
if sys.argv[1:] == ["ask"]:
    s.sendto(b"begin", ("127.0.0.1", 5000))
print(s.recv(2000).decode())
"""


def test_F09_an_application_of_the_client_may_restart(pair):
    """The far end keeps sending to a port that nobody has open: counted, the flow stays; and when
    the application is back, what is sent to it reaches it, without a word from it."""
    server, client = pair.start_server(), pair.start_client()
    pair.server.start("/usr/bin/python3", "-c", STREAM).wait_for("ready")
    first = int(pair.client.run("/usr/bin/python3", "-c", LISTEN, "ask").stdout)
    client.wait_for("application-refused: the application's port is closed")
    before = total(client, "application-refused")
    wait_until(lambda: total(client, "application-refused") >= before + 20)
    assert int(pair.client.run("/usr/bin/python3", "-c", LISTEN).stdout) > first + 20
    assert "closed:" not in server.log() + client.log().replace("port is closed: ", "")
    assert len(flows_of(client)) == 1


@pytest.mark.parametrize("local", ["127.0.0.1:5000", "[::]:5000"], ids=["ipv4", "both"])
def test_F09_an_application_of_the_client_that_has_gone_disturbs_no_other(pair, local):
    """All applications speak to one socket, and the kernel tells it of a refusal by failing the next
    call, whoever that one is for. Each datagram of the living one is answered all the same."""
    pair.start_server()
    client = pair.start_client(local=local)
    pair.server.start("/usr/bin/python3", "-c", STREAM_AND_ECHO).wait_for("ready")
    pair.client.run("/usr/bin/python3", "-c", LISTEN, "ask")
    client.wait_for("application-refused")
    before = total(client, "application-refused")
    assert pair.echo(count=2000)["echoed"] == 2000
    assert total(client, "application-refused") > before
    assert total(client, "delivery-drops") == 0


def test_F05_ten_thousand_flows_that_close_at_once_disturb_no_other(pair):
    """A second client opens them, and ends. The first one's flow loses nothing meanwhile, but for
    what the kernel has no room for. A FIN may be lost that way, too: then it is the idle timeout
    that closes the flow."""
    flows = 10000
    server = pair.start_server("--max-flows", 2 * flows, "--idle-timeout", "60")
    pair.start_client("--ports", "60000-60063")  # in the middle it would leave the other too few
    many = pair.start_client("--max-flows", 2 * flows, local="127.0.0.1:5100")
    sink = pair.start_sink("--echo")
    crowd = pair.client.start(LOAD, "crowd", "--to", "127.0.0.1:5100", "--flows", flows,
                              "--open-rate", "3000", "--rate", "1", "--seconds", "600")
    crowd.wait_for(f"{flows} of {flows} flows are open")
    crowd.stop()
    before = dropped_by_devices(pair.client, pair.server)
    steady = pair.client.start(LOAD, "echo", "--to", "127.0.0.1:5000", "--size", "1000", "--count",
                               "1G", "--patience", "5")
    wait_until(lambda: total(server, "flows-opened") > flows)
    assert many.stop() == 0
    wait_until(lambda: total(server, "flows-closed") == total(server, "flows-opened") - 1,
               patience=180)
    figures = result(steady)
    assert figures["echoed"] > 0 and figures["corrupted"] == 0
    assert figures["lost"] <= dropped_by_devices(pair.client, pair.server) - before
    figures = result(sink)
    assert figures["reordered"] == figures["corrupted"] == figures["duplicated"] == 0
