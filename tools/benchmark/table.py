"""What a reader sees."""

import itertools

from .place import MODES, PLACEMENTS, WIRES
from .session import OFFERED_PART, echo_places, load_places

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
NO_DROP = ("gbit_per_second", "Gbit/s", 2)
ECHO_ROWS = (
    ("echo p50", "p50_us", "us", 1),
    ("echo p99", "p99_us", "us", 1),
    ("echoes lost", "lost", "", 0),
)


class Table:
    """The rows of the results, one column a tunnel and one for each ratio to none."""

    def __init__(self, settings, results):
        self.settings = settings
        self.results = results
        self.places, self.echo_places = load_places(settings), echo_places(settings)
        self.compared = compared(settings)
        self.width = max(12, *(len(heading) + 2 for heading in self.headings()))

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
            if "no-drop" in self.settings.measure:
                yield self.row(f"{mode:8}no-drop rate", place, f"{mode} no-drop", *NO_DROP)

    def offered_lines(self, place, mode):
        delivered = self.results.median(place, mode, "none", "gbit_per_second")
        if not delivered or "offered" not in self.settings.measure:
            return
        for title, *figure in OFFERED_ROWS:
            yield self.row(f"{mode:8}offered {OFFERED_PART * delivered:.2f}: {title}", place,
                           f"{mode} offered", *figure)

    def echo_lines(self, place):
        for title, *figure in ECHO_ROWS:
            yield self.row(f"{place.size:<8}{title}", place, "echo", *figure)

    def headings(self):
        return [*self.settings.names, *(f"{name}/none" for name in self.compared)]

    def heading(self):
        return self.align("", "", self.headings())

    def row(self, title, place, measurement, figure, unit, decimals):
        values = {name: self.results.median(place, measurement, name, figure)
                  for name in self.settings.names}
        cells = ["failed" if value is None else f"{value:.{decimals}f}"
                 for value in values.values()]
        cells += [ratio(values[name], values["none"]) for name in self.compared]
        return self.align(title, unit, cells)

    def align(self, title, unit, cells):
        return f"  {title:30}{unit:>7}" + "".join(f"{cell:>{self.width}}" for cell in cells)


class Markdown:
    """The throughput of all tunnels as a table for a README: a row for each sender and wire."""

    def __init__(self, settings, results):
        self.settings = settings
        self.results = results
        self.compared = compared(settings)

    def lines(self):
        headings = ["sender; wire", *(f"{name}, Gbit/s" for name in self.settings.names)]
        for name in self.compared:
            headings += [f"{name}/none", f"CPU per GB, {name}/none", f"no-drop rate, {name}/none"]
        yield ""
        yield markdown_row(headings)
        yield markdown_row("---" for _ in headings)
        for place in load_places(self.settings):
            for mode in self.settings.modes:
                yield markdown_row(self.cells(place, mode))

    def cells(self, place, mode):
        def median(name, figure="gbit_per_second", measurement=mode):
            return self.results.median(place, measurement, name, figure)

        yield f"{MODES[mode]}; {place.title()}"
        for name in self.settings.names:
            yield "failed" if median(name) is None else f"{median(name):.2f}"
        for name in self.compared:
            yield ratio(median(name), median("none"))
            yield ratio(*(median(one, "cpu_seconds_per_gb") for one in (name, "none")))
            yield ratio(*(median(one, measurement=f"{mode} no-drop") for one in (name, "none")))


def markdown_row(cells):
    return "| " + " | ".join(cells) + " |"


def compared(settings):
    """The tunnels that are held against the bare network."""
    return [name for name in settings.names if name != "none" and "none" in settings.names]


def ratio(value, base):
    return f"{value / base:.2f}" if value is not None and base else "-"


def machine_line(machine):
    return f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}"


def header_lines(settings, machine):
    yield machine_line(machine)
    runs = "1 run" if settings.runs == 1 else f"Medians of {settings.runs} runs"
    yield (f"{runs} of {settings.seconds:g} s of each, in turn: {', '.join(settings.names)}. "
           f"{machine['date']}")
    yield from settings.left_out
    yield "Two network namespaces, one veth pair; sender and sink share the processors."
    yield "; ".join(f"{mode}: {MODES[mode]}" for mode in settings.modes)
    if machine["background_load"] > 0.05:
        yield (f"CAUTION: the processors were {machine['background_load']:.0%} busy "
               "before anything was measured.")
