"""The measurements behind the plots: one thing is varied at a time, the others stay."""

import argparse
import os

from .place import MODES

USUAL_SIZE = 1400


def sweeps(settings):
    """Settings of a session each. What two of them have in common is measured once."""
    yield varied(settings, modes=["single"], flows=[1, 4, 16, 64, 256])
    yield varied(settings, modes=["single", "gso"], sizes=[64, 256, 700, 1400])
    yield varied(settings, modes=list(MODES))
    yield varied(settings, modes=[], measure=["echo"])
    yield varied(settings, modes=["single"], flows=[1, 2, 16],
                 tunnels=[settings.catalogue.tunnel(f"ftun:workers={workers}", settings.build,
                                                    settings.family)
                          for workers in worker_counts(len(os.sched_getaffinity(0)))])


def varied(settings, **different):
    usual = {"wires": ["mtu"], "sizes": [USUAL_SIZE], "flows": [1], "measure": []}
    return argparse.Namespace(**{**vars(settings), **usual, **different})


def worker_counts(processors):
    """1, 2, 4 and so on, to as many as there are processors."""
    return [1 << exponent for exponent in range(processors.bit_length())]
