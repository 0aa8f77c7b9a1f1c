"""Once everything is set up ftun may do little, and works nevertheless."""

import pathlib
import re

import pytest

CAP_NET_BIND_SERVICE, CAP_NET_ADMIN = 1 << 10, 1 << 12
SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def privileges(process):
    """Of each thread: its capability sets, and whether it may gain new ones."""
    out = []
    for status in pathlib.Path(f"/proc/{process.pid}/task").glob("*/status"):
        text = status.read_text()
        sets = tuple(int(re.search(rf"^{name}:\t([0-9a-f]+)$", text, re.M).group(1), 16)
                     for name in SETS)
        out.append((sets, re.search(r"^NoNewPrivs:\t(\d)$", text, re.M).group(1)))
    return out


def only(capabilities):
    return (0, capabilities, capabilities, 0, 0), "1"


@pytest.mark.parametrize("attach", ["divert", "nat"])
def test_all_threads_keep_one_capability(pair, attach):
    server = pair.start_server("--attach", attach, "--workers", "2")
    client = pair.start_client("--attach", attach, "--workers", "2")
    pair.start_sink("--echo")
    assert pair.echo()["echoed"] == 100
    for process in (server, client):
        assert privileges(process) == [only(CAP_NET_ADMIN)] * 2


def test_a_client_on_a_low_port_keeps_the_right_to_bind_it(pair):
    pair.start_server()
    client = pair.start_client(local="127.0.0.1:53")
    pair.start_sink("--echo")
    assert pair.echo(to="127.0.0.1:53")["echoed"] == 100
    assert privileges(client)[0] == only(CAP_NET_ADMIN | CAP_NET_BIND_SERVICE)


@pytest.mark.parametrize("attach", ["divert", "nat"])
def test_a_tun_with_several_queues_is_made_again_without_privileges(pair, attach):
    pair.start_server("--attach", attach)
    client = pair.start_client("--attach", attach, "--workers", "2")
    pair.start_sink("--echo")
    assert pair.echo()["echoed"] == 100
    pair.client.ip("link", "delete", "ftun0")
    client.wait_for("is back")
    assert pair.echo(interval=1000, patience=1)["echoed"] > 0
