"""The table of faults: one module a layer, one entry a fault, in the order of the modules."""

import importlib
import typing

from session import HOSTILE, TAKEN

LAYERS = ("ipv4", "ipv6", "extension", "tcp", "options", "checksum", "fragment", "icmp", "state")


class Fault(typing.NamedTuple):
    name: str            # <layer>-<fault>
    script: typing.Callable
    family: int = 4
    role: str = "server"  # whose part the end under test plays
    opened: bool = True   # the script begins in an established connection, else before it
    ends: bool = False    # the fault ends the flow, as the RFC says it must
    living: bool = True   # can be sent at a living ftun: fits its TUN, needs no waiting


class Layer:
    """The faults of one layer."""

    def __init__(self, name):
        self.name = name
        self.faults = {}

    def add(self, name, script, **properties):
        fault = Fault(f"{self.name}-{name}", script, **properties)
        if fault.name in self.faults:
            raise ValueError(f"two faults are called {fault.name}")
        self.faults[fault.name] = fault

    def fault(self, name, **properties):
        """Decorates a script: a function that is given the session."""
        def decorate(script):
            self.add(name, script, **properties)
            return script
        return decorate

    def refused(self, name, verdict, build, answers=None, **properties):
        """One packet, which `build` makes of the session, is refused."""
        self.add(name, lambda s: s.send(build(s), verdict, answers=answers), **properties)

    def delivered(self, name, build, payload=HOSTILE, **properties):
        """One packet with data is odd but legal."""
        self.add(name, lambda s: s.send_data(build(s), payload), **properties)

    def harmless(self, name, build, answers=None, **properties):
        """One packet without data is odd but legal."""
        self.add(name, lambda s: s.send(build(s), TAKEN, answers=answers), **properties)


def table():
    """All faults by name."""
    faults = {}
    for layer in LAYERS:
        faults.update(importlib.import_module(f"faults.{layer}").LAYER.faults)
    return faults
