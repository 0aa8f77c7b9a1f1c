"""Every fault of the table, sent at a running ftun while real traffic flows."""

import collections

import pytest

import faults
from conftest import ONE_WORKER, Echoes
from counters import Counters, growth
from living import LivingServer, living_client
from session import TAKEN, play
from tun import Tun

TABLE = faults.table()
# They count packets that were given up, not the one that came.
BYCATCH = {"fragment-timeout", "fragment-evicted"}


def of_layer(layer):
    return {name: fault for name, fault in TABLE.items()
            if name.startswith(f"{layer}-") and fault.living}


# They ask for an end that listens, at a port of its own.
LISTENERS = {"ipv4-source-loopback", "tcp-source-port-0-syn", "tcp-destination-port-0",
             "tcp-destination-port-other", "tcp-destination-port-other-in-connection",
             "state-F07-syn-flood"}


def mirrored(table):
    """The faults that mean something to a client, in its server's part."""
    return {name: fault._replace(role="client") for name, fault in table.items()
            if fault.role == "client" or
            (fault.opened and fault.family == 4 and name not in LISTENERS)}


def refusals(claims):
    return collections.Counter(claim.verdict for claim in claims if claim.verdict != TAKEN)


def play_all(wire, counters, table):
    """Play the faults; for each what was refused is what the table says, by name and number.
    Returns those of which it is not so."""
    wrong = {}
    before = counters.read()
    for name, fault in table.items():
        try:
            play(fault, wire)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None
        wire.barrier()
        after = counters.read()
        grown = counters.refusals(growth(before, after), BYCATCH)
        if grown != refusals(wire.claims):
            wrong[name] = grown
        before = after
    return wrong


def at_a_server(pair, table):
    LivingServer.prepare(pair.server)
    ftun = pair.start_server(*ONE_WORKER)
    pair.start_client()
    pair.start_sink("--echo")
    echoes = Echoes(pair)
    ftun.wait_for("flow 1 established")
    wire = LivingServer(Tun(pair.server, ftun))
    wrong = play_all(wire, Counters(ftun), table)
    wire.close()
    assert not wrong
    echoes.check()
    assert ftun.running()


@pytest.mark.parametrize("layer", [layer for layer in faults.LAYERS if layer != "checksum"])
def test_F02_every_fault_is_counted_by_its_name_and_harms_nobody(pair, layer):
    at_a_server(pair, {name: fault for name, fault in of_layer(layer).items()
                       if fault.role == "server"})


@pytest.mark.parametrize("layer", ["ipv4", "tcp", "options", "checksum", "icmp", "state"])
def test_F02_every_fault_is_counted_by_a_client_too(pair, layer):
    """The same sessions with the parts exchanged, and those that only a client can have."""
    ftun, echoes, wire = living_client(pair)
    wrong = play_all(wire, Counters(ftun), mirrored(of_layer(layer)))
    wire.close()
    assert not wrong
    echoes.check()
    assert ftun.running()


def test_F03_a_wrong_checksum_is_counted_and_dropped(pair):
    at_a_server(pair, of_layer("checksum"))
