"""Topology and actors of the tests that send hostile packets at a running ftun.

    client 10.77.0.1 ─────────── 10.77.0.2 server       (fd77::1, fd77::2)
                                              │ TUN
                                    hostile peers, an AF_PACKET socket away

The pair of tests/e2e, with its World; whatever is sent to a TUN by such a socket is what ftun reads
from it, however odd. Real traffic (ftun-load exchange) crosses the tunnel all the time: contents,
order and number of its datagrams are known, and none may be missing.
"""

import importlib.util
import json
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "hostile"))


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


# Packets come to ftun by addresses of its TUN, which divert does not give it.
os.environ["FTUN_ATTACH"] = "nat"

e2e = load("e2e", ROOT / "tests" / "e2e" / "conftest.py")
fixture_lab, fixture_pair = e2e.fixture_lab, e2e.fixture_pair


class Echoes:
    """Applications that ask and wait for the answer, without a pause, until a test ends."""

    def __init__(self, world, number=2):
        self.running = [world.client.start(e2e.LOAD, "echo", "--to", "127.0.0.1:5000", "--count",
                                           "1000000", "--interval-us", "200", "--size", size,
                                           "--patience", e2e.ECHO_PATIENCE)
                        for size in range(100, 100 + 600 * number, 600)]

    def check(self):
        for process in self.running:
            figures = e2e.result(process)
            assert figures["echoed"] > 0, process.log()
            assert (figures["lost"], figures["corrupted"]) == (0, 0), process.log()


# Where each packet's way through the counters is followed, all go the same one: a probe behind them
# comes out behind them.
ONE_WORKER = ("--workers", "1")


class Traffic:
    """Exchanges, one after the other, each of new flows, for as long as a test goes on."""

    COUNT = 20_000
    # Acknowledgments queue behind a storm, the applications' credit does not: what a flow sends in
    # the meantime has to fit its window, which small datagrams leave as small as it begins: 64K.
    WINDOW = "16K"

    def __init__(self, world, strays=False):
        self.world, self.strays = world, strays
        self.runs = 0
        self.start()

    def start(self):
        self.runs += 1
        options = ("--flows", "8", "--count", self.COUNT, "--size", "1-1440",
                   "--window", self.WINDOW, "--seed", self.runs,
                   "--credit", self.world.lab.directory / "credit", "--seconds", "240")
        self.far = self.world.server.start(e2e.LOAD, "exchange", "--listen", "127.0.0.1:5001",
                                           *options)
        self.far.wait_for(e2e.READY)
        self.near = self.world.client.start(e2e.LOAD, "exchange", "--to", "127.0.0.1:5000",
                                            *options)

    def check(self):
        """Wait for the exchange under way: nothing lost, altered, doubled or out of order."""
        near, far = (self.figures(process) for process in (self.near, self.far))
        assert near["received"] == far["sent"] and sum(near["errors"].values()) == 0, self.logs()
        errors = dict(far["errors"])
        if self.strays:  # what hostile peers with a connection of their own have sent
            errors.pop("stray")
        assert far["complete"] and sum(errors.values()) == 0, self.logs()

    @staticmethod
    def figures(process):
        process.wait(300)
        return json.loads(process.log().splitlines()[-1])

    def logs(self):
        return self.near.log() + self.far.log()

    def keep_going(self):
        """Start another one when one is done."""
        if not self.near.running() and not self.far.running():
            self.check()
            self.start()


@pytest.fixture(name="sanitized")
def fixture_sanitized():
    """The build under test has sanitizers: it is slower, and its memory is not its own."""
    return b"__asan_init" in e2e.FTUN.read_bytes()
