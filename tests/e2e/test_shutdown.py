"""The end of a run with many flows: it comes soon, whatever peers and applications do."""

import re
import signal
import time

import pytest

from conftest import LOAD

FLOWS = 4000
SOON = 30.0  # seconds; without a bound it would be a multiple of it
ANSWERED = 10  # FINs a second

FEW_FINS = f"""
table inet busy {{
    chain prerouting {{
        type filter hook prerouting priority raw; policy accept;
        tcp flags & fin == fin limit rate over {ANSWERED}/second burst 5 packets drop
    }}
}}
"""


def start_crowd(world, rate):
    """Many flows, of which each goes on sending, `rate` datagrams a second over all."""
    crowd = world.client.start(LOAD, "crowd", "--to", "127.0.0.1:5000", "--flows", FLOWS,
                               "--open-rate", 2000, "--rate", rate, "--seconds", 300)
    crowd.wait_for(f"{FLOWS} of {FLOWS} flows are open")
    return crowd


def totals_at_end(process):
    """Flows that an ftun has opened and closed, when it has ended soon."""
    start = time.monotonic()
    assert process.stop() == 0
    assert time.monotonic() - start < SOON
    return tuple(int(re.findall(rf"total flows-{what}: (\d+)", process.log())[-1])
                 for what in ("opened", "closed"))


@pytest.fixture(name="open_flows")
def fixture_open_flows(pair):
    """A server and a client between which there are many."""
    pair.start_sink("--echo")
    room = ("--max-flows", 4 * FLOWS)  # ports, too
    return pair.start_server(*room), pair.start_client(*room)


@pytest.mark.attach("nat")  # the host's firewall is what loses them
def test_F17_a_server_that_answers_few_fins_holds_nobody_up(pair, open_flows):
    """As one does that is overloaded: some answer comes all the time."""
    _, client = open_flows
    start_crowd(pair, 1)
    pair.server.nft(FEW_FINS)
    assert totals_at_end(client) == (FLOWS, FLOWS)


@pytest.mark.attach("nat")
def test_F17_a_client_that_answers_few_fins_holds_nobody_up(pair, open_flows):
    server, _ = open_flows
    start_crowd(pair, 1)
    pair.client.nft(FEW_FINS)
    opened, closed = totals_at_end(server)
    assert opened >= FLOWS  # the crowd may have opened some again
    assert closed == opened


def test_F17_applications_that_go_on_sending_do_not_hold_up_a_server(pair, open_flows):
    """Their flows begin again as soon as they are closed."""
    server, _ = open_flows
    start_crowd(pair, 40000)
    opened, closed = totals_at_end(server)
    assert opened >= FLOWS
    assert closed == opened


def test_F17_flows_that_redial_do_not_hold_up_a_client(pair, open_flows):
    server, client = open_flows
    start_crowd(pair, 40000)
    server.stop(signal.SIGKILL)
    time.sleep(1)  # each flow has learnt it by then
    assert totals_at_end(client) == (FLOWS, FLOWS)
