"""Flows of every shape (flows.py) through a World's tunnel."""

import json
import os
import pathlib
import signal
import sys

FLOWS = pathlib.Path(__file__).with_name("flows.py")
LONG = int(os.environ.get("FTUN_LONG", "1"))  # so many times the traffic that CI has


def start_application(world):
    application = world.server.start(sys.executable, FLOWS, "serve", "127.0.0.1", 5001)
    application.wait_for("ready")
    return application


def open_flows(world, tunnel, kinds, count, size, rate, burst=1, port=5000):
    """One flow of each kind; their handshakes are done, and they wait for begin()."""
    before = tunnel.log().count(" established")
    flows = [world.client.start(sys.executable, FLOWS, kind, "127.0.0.1", port, count, size, rate,
                                burst) for kind in kinds]
    tunnel.wait_for("(?s)" + ".* established" * (before + len(kinds)))
    return flows


def begin(flows):
    for flow in flows:
        flow.send_signal(signal.SIGUSR1)


def received(flows, application):
    """What arrived of each flow that goes up, then of each other one."""
    for flow in flows:
        assert flow.wait(300 * LONG) == 0, flow.log()
    application.stop()
    back = [json.loads(flow.log()) for flow in flows if "up" not in flow.command]
    return json.loads(application.log().splitlines()[-1]) + back
