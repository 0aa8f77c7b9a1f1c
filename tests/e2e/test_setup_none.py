"""--setup=none touches nothing; `ftun rules` says what to type, and what it says works."""

import re

import pytest

from conftest import FTUN
from test_lifecycle import traces


def apply_rules(host, role, firewall, *options):
    """Type what `ftun rules` prints, with the interface's real name; ftun's own command excepted."""
    text = host.run(FTUN, "rules", role, *options).stdout.replace("eth0", "eth0")
    nft = re.search(r"# ----\n(.*?)# ----\n", text, re.DOTALL).group(1)
    commands = [line for line in text.replace(nft, "").splitlines()
                if line and not line.startswith("#")]
    for command in commands:
        if firewall in command or not command.startswith(("iptables", "ip6tables")):
            host.run("sh", "-c", command)
    if firewall == "nft":
        host.nft(nft)


@pytest.mark.parametrize("firewall", ["nft", "tables"])
def test_F26_what_rules_prints_makes_a_tunnel(pair, firewall):
    server = ("--local", "4567", "--remote", "127.0.0.1:5001")
    client = ("--local", "127.0.0.1:5000", "--remote", "10.77.0.2:4567")
    apply_rules(pair.server, "server", firewall, *server)
    apply_rules(pair.client, "client", firewall, *client)
    before = traces(pair.server)
    started = [pair.ftun(pair.server, "server", *server, "--setup", "none", "--tun", "ftun0"),
               pair.ftun(pair.client, "client", *client, "--setup", "none", "--tun", "ftun0")]
    pair.start_sink("--echo")
    assert pair.echo()["echoed"] == 100
    for process in started:
        assert process.stop() == 0
    assert traces(pair.server) == before


def test_setup_none_makes_a_bare_tun_and_nothing_else(pair):
    before = traces(pair.client)
    client = pair.start_client("--setup", "none")
    during = traces(pair.client)
    assert during["links"] == before["links"] + ["ftun0"]
    assert (during["tables"], during["forwarding"]) == (before["tables"], before["forwarding"])
    assert "inet" not in pair.client.ip("addr", "show", "dev", "ftun0").stdout
    assert client.stop() == 0
    assert traces(pair.client) == before


@pytest.mark.parametrize("role, options, says", [
    ("server", ("--local", "443", "--remote", "127.0.0.1:5001"), "keeps TCP port 443"),
    ("client", ("--local", "127.0.0.1:5000", "--remote", "10.77.0.2:4567"), "a block of TCP ports"),
])
def test_of_divert_rules_says_what_ftun_does_itself(pair, role, options, says):
    """Nothing to type: all of it is a comment."""
    text = pair.client.run(FTUN, "rules", role, *options, "--attach", "divert").stdout
    assert says in text and "CAP_NET_ADMIN" in text
    assert all(line.startswith("#") for line in text.splitlines())


def test_rules_knows_who_may_come(pair):
    text = pair.server.run(FTUN, "rules", "server", "--local", "4567", "--remote", "127.0.0.1:5001",
                           "--allow-from", "192.0.2.0/24,2001:db8::/32", "--dev", "eth0").stdout
    assert "elements = { 192.0.2.0/24 }" in text and "elements = { 2001:db8::/32 }" in text
    assert "iptables -t raw -A PREROUTING -i eth0" in text
