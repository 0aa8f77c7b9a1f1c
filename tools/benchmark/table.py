"""What a reader sees."""

import itertools

from .place import MODES, PLACEMENTS, WIRES
from .session import OFFERED_PART

LOAD_ROWS = (  # (title, figure, unit, decimals)
    ("throughput", "gbit_per_second", "Gbit/s", 2),
    ("lost", "lost_percent", "%", 2),
    ("reordered", "reordered_percent", "%", 3),
    ("corrupted", "corrupted", "", 0),
    ("CPU per GB", "cpu_seconds_per_gb", "s", 2),
)
OFFERED_ROWS = (
    ("arrived", "gbit_per_second", "Gbit/s", 2),
    ("lost", "lost_percent", "%", 3),
)
ECHO_ROWS = (
    ("echo p50", "p50_us", "us", 1),
    ("echo p99", "p99_us", "us", 1),
    ("echoes lost", "lost", "", 0),
)


class Table:
    """The rows of the results, one column a tunnel and one for each ratio to none."""

    def __init__(self, settings, results, places, echo_places):
        self.settings = settings
        self.results = results
        self.places = places
        self.echo_places = echo_places
        self.compared = [name for name in settings.only
                         if name != "none" and "none" in settings.only]

    def lines(self):
        for place in self.places:
            yield from self.load_lines(place)
        for (wire, processors), places in itertools.groupby(
                self.echo_places, lambda place: (place.wire, place.processors)):
            yield from ("", f"{WIRES[wire]}, IPv{self.settings.family}, one datagram and its echo, "
                        f"{PLACEMENTS[processors]}", self.heading())
            for place in places:
                yield from self.echo_lines(place)

    def load_lines(self, place):
        yield from ("", place.title(), self.heading())
        for mode in self.settings.modes:
            for title, *figure in LOAD_ROWS:
                yield self.row(f"{mode:8}{title}", place, mode, *figure)
            yield from self.offered_lines(place, mode)

    def offered_lines(self, place, mode):
        delivered = self.results.median(place, mode, "none", "gbit_per_second")
        if not delivered:
            return
        for title, *figure in OFFERED_ROWS:
            yield self.row(f"{mode:8}offered {OFFERED_PART * delivered:.2f}: {title}", place,
                           f"{mode} offered", *figure)

    def echo_lines(self, place):
        for title, *figure in ECHO_ROWS:
            yield self.row(f"{place.size:<8}{title}", place, "echo", *figure)

    def heading(self):
        ratios = (f"{name}/none" for name in self.compared)
        return self.align("", "", (*self.settings.only, *ratios))

    def row(self, title, place, measurement, figure, unit, decimals):
        values = {name: self.results.median(place, measurement, name, figure)
                  for name in self.settings.only}
        cells = ["failed" if value is None else f"{value:.{decimals}f}"
                 for value in values.values()]
        cells += [ratio(values[name], values["none"]) for name in self.compared]
        return self.align(title, unit, cells)

    @staticmethod
    def align(title, unit, cells):
        return f"  {title:30}{unit:>7}" + "".join(f"{cell:>12}" for cell in cells)


def ratio(value, base):
    return f"{value / base:.2f}" if value is not None and base else "-"


def header_lines(settings, machine):
    yield f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}"
    runs = "1 run" if settings.runs == 1 else f"Medians of {settings.runs} runs"
    yield (f"{runs} of {settings.seconds:g} s of each, in turn: {', '.join(settings.only)}. "
           f"{machine['date']}")
    yield "Two network namespaces, one veth pair; sender and sink share the processors."
    yield "; ".join(f"{mode}: {MODES[mode]}" for mode in settings.modes)
    if machine["background_load"] > 0.05:
        yield (f"CAUTION: the processors were {machine['background_load']:.0%} busy "
               "before anything was measured.")
