"""The command line."""

import argparse
import os
import pathlib

from .place import MEASUREMENTS, MODES, WIRES
from .run import LOST_PERCENT_MOST
from .session import OFFERED_PART
from .tunnel import Catalogue, DescriptionError

ROOT = pathlib.Path(__file__).resolve().parents[2]
CROWD_LEAST = 1000
TUNNELS = ROOT / "tools" / "tunnels"

EPILOG = f"""
What the rows mean:
  throughput        payload that arrived, per second from the first to the last arrival
  lost              of the datagrams sent, at full speed; a sender that is faster than what
                    it sends through loses here, and that is no fault
  reordered         datagrams that came after a later one; corrupted: altered in any way
  CPU per GB        seconds that all processors together worked, kernel included, for
                    each 10^9 bytes that arrived. Load generator and sink are part of it
  offered X         the sender keeps to a rate X, {OFFERED_PART:.0%} of what arrived without a tunnel:
                    what then arrives, and what is lost
  no-drop rate      what arrives at the highest rate that loses less than {LOST_PERCENT_MOST} %, by bisection
                    (RFC 2544 26.1). A rate that fails is tried once more
  echo p50, p99     time for one datagram to the far end and back, nothing else under way;
                    once with all on one processor, which is the work alone, and once with
                    a processor for each host, which adds waking up idle processors

Examples:
  tools/bench --quick                              a first impression, in about a minute
  tools/bench --wire both --json bench.json        the whole picture
  tools/bench --only none,ftun --plot docs/performance    the plots of this repository
  tools/bench --only none --modes gso --runs 5     the machine itself
  tools/bench --flows 100000                       a crowd, its memory, and what it leaves to others
  tools/bench --sizes 64,1400 --flows 1,16 --family 6

A tunnel is measured when its programs are on the path; tools/tunnels has a description of each,
and its README says how to write one.

It needs root, for the namespaces. A run takes two seconds more than it measures.
Exit status: 0 measured, and no datagram was altered or doubled; 1 something could not be
measured, or a datagram was; 2 bad usage, not root, or a program is not built.
"""


def listed(choices):
    """An argument type: some of `choices`, separated by commas."""
    def read(text):
        for name in text.split(","):
            if name not in choices:
                raise argparse.ArgumentTypeError(f"{name!r}: choose from {', '.join(choices)}")
        return list(dict.fromkeys(text.split(",")))
    return read


def numbers(least, most):
    """An argument type: whole numbers within bounds, separated by commas."""
    def read(text):
        try:
            values = [int(part) for part in text.split(",")]
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r}: expected numbers as 64,1400") from None
        if not all(least <= value <= most for value in values):
            raise argparse.ArgumentTypeError(f"{text}: expected {least} to {most}")
        return list(dict.fromkeys(values))
    return read


def number(least, most, kind=int):
    """An argument type: one number within bounds."""
    def read(text):
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r}: expected a number") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text}: expected {least} to {most}")
        return value
    return read


def read_settings(words, description):
    parser = argparse.ArgumentParser(prog="tools/bench", description=description, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", metavar="DIR",
                        help="where ftun and ftun-load are (default: build)")
    parser.add_argument("--only", metavar="NAMES",
                        help="what to measure: names of descriptions, as none,ftun,phantun; with "
                        "options as ftun:workers=2 (default: all whose programs are installed)")
    parser.add_argument("--tunnels-dir", type=pathlib.Path, action="append", default=[],
                        metavar="DIR", help="more descriptions (tools/tunnels/README.md)")
    parser.add_argument("--wire", choices=(*WIRES, "both"), default="mtu",
                        help="mtu: MTU-sized packets; offload: as with a NIC that segments")
    parser.add_argument("--modes", type=listed(MODES), default=list(MODES), metavar="NAMES",
                        help=f"how datagrams are sent: {','.join(MODES)} (default: all)")
    parser.add_argument("--measure", type=listed(MEASUREMENTS), default=list(MEASUREMENTS),
                        metavar="NAMES", help="beside throughput at full speed: "
                        f"{','.join(MEASUREMENTS)} (default: all)")
    parser.add_argument("--sizes", type=numbers(24, 65487), default=[1400], metavar="N,...",
                        help="bytes in a datagram (default: 1400)")
    parser.add_argument("--flows", type=numbers(1, 1_000_000), default=[1], metavar="N,...",
                        help="sockets that send (default: 1). From "
                        f"{CROWD_LEAST} on: a crowd beside one flow in bulk, of ftun only")
    parser.add_argument("--open-rate", type=number(1, 1_000_000), default=5000, metavar="N",
                        help="flows of a crowd that are opened each second (default: 5000)")
    parser.add_argument("--family", type=int, choices=(4, 6), default=4,
                        help="IP version (default: 4)")
    parser.add_argument("--runs", type=number(1, 100), default=3, metavar="N",
                        help="runs of each (default: 3)")
    parser.add_argument("--seconds", type=number(0.1, 3600, float), metavar="S",
                        help="length of a run (default: 3; for plots 1)")
    parser.add_argument("--quick", action="store_true",
                        help="one run of one second each: a first impression")
    parser.add_argument("--markdown", action="store_true",
                        help="print the throughput as a table in Markdown")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="write everything there, raw runs included")
    parser.add_argument("--plot", type=pathlib.Path, metavar="DIR",
                        help="instead of a table: vary flows, size, workers and mode, and draw plots "
                        "as DIR/*.svg (gnuplot; --only none,ftun takes about six minutes)")
    parser.add_argument("--redraw", type=pathlib.Path, metavar="FILE",
                        help="with --plot: measure nothing, draw what --json has written")
    return complete(parser, parser.parse_args(words))


def complete(parser, settings):
    settings.wires = list(WIRES) if settings.wire == "both" else [settings.wire]
    settings.build = settings.build.resolve()
    if settings.redraw:
        return settings if settings.plot else parser.error("--redraw needs --plot")
    if settings.quick:
        settings.runs, settings.seconds = 1, 1.0
    settings.seconds = settings.seconds or (1.0 if settings.plot else 3.0)
    settings.crowd = max(settings.flows) >= CROWD_LEAST
    if settings.crowd and (min(settings.flows) < CROWD_LEAST or settings.plot):
        parser.error(f"--flows: {CROWD_LEAST} and more are a measurement of its own")
    if os.geteuid() != 0:
        parser.error("network namespaces need root")
    if not os.access(settings.build / "ftun-load", os.X_OK):
        parser.error(f"{settings.build / 'ftun-load'} is not built")
    try:
        choose_tunnels(settings)
    except DescriptionError as error:
        parser.error(str(error))
    return settings


def choose_tunnels(settings):
    """Those named must be there; of the others, those whose programs are."""
    settings.catalogue = Catalogue([TUNNELS, *settings.tunnels_dir])
    names = settings.only.split(",") if settings.only else settings.catalogue.names()
    settings.tunnels, settings.left_out = [], []
    for name in dict.fromkeys(names):
        tunnel = settings.catalogue.tunnel(name, settings.build, settings.family)
        missing = ", ".join(tunnel.missing())
        if not missing:
            settings.tunnels.append(tunnel)
        elif settings.only:
            raise DescriptionError(f"{name}: not there: {missing}")
        else:
            settings.left_out.append(f"Not measured: {name}, for want of {missing}.")
    settings.names = [tunnel.name for tunnel in settings.tunnels]
