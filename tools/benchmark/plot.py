"""Plots of what was measured, drawn by gnuplot as SVG, with the machine written under each."""

import dataclasses
import shutil
import subprocess

from .place import MODES
from .sweep import USUAL_SIZE
from .table import machine_line

CHARACTERS = str.maketrans({"'": "''", "\n": " "})  # inside gnuplot's single quotes


class PlotError(RuntimeError):
    """gnuplot is not there, or does not do it."""


@dataclasses.dataclass
class Plot:
    """Curves, each a list of (x, y), by what the legend calls them."""
    name: str
    title: str
    x: str
    y: str
    curves: dict
    settings: tuple = ()  # more lines for gnuplot
    style: str = "linespoints linewidth 2 pointtype 7 pointsize 0.6"


def plots(cells):
    """All plots that have something to show."""
    candidates = (throughput_by_flows(cells), throughput_by_size(cells),
                  throughput_by_workers(cells), latency(cells), processor_time(cells))
    return [plot for plot in candidates if plot.curves]


def curves(cells, label, x, figure):
    """The medians of a figure, as curves; `label` and `x` say for a cell where its point goes."""
    found = {}
    for cell in cells:
        value = cell["medians"].get(figure)
        if value is not None:
            found.setdefault(label(cell), []).append((x(cell), value))
    return {name: sorted(points) for name, points in found.items()}


def has_workers(cell):
    return ":workers=" in cell["tunnel"]


def chosen(cells, **wanted):
    usual = {"wire": "mtu", "size": USUAL_SIZE, "flows": 1, **wanted}
    usual = {name: value for name, value in usual.items() if value is not None}
    return [cell for cell in cells if all(cell[name] == value for name, value in usual.items())]


def more_than_a_point(found):
    return {name: points for name, points in found.items() if len(points) > 1}


def throughput_by_flows(cells):
    of_interest = [cell for cell in chosen(cells, flows=None, measurement="single")
                   if not has_workers(cell)]
    found = curves(of_interest, lambda cell: cell["tunnel"], lambda cell: cell["flows"],
                   "gbit_per_second")
    return Plot("flows", f"Throughput against flows, datagrams of {USUAL_SIZE} bytes sent one by one",
                "flows", "Gbit/s", more_than_a_point(found), ("set logscale x 2",))


def throughput_by_size(cells):
    of_interest = [cell for cell in chosen(cells, size=None)
                   if cell["measurement"] in ("single", "gso") and not has_workers(cell)]
    found = curves(of_interest, lambda cell: f"{cell['tunnel']}, {cell['measurement']}",
                   lambda cell: cell["size"], "gbit_per_second")
    return Plot("sizes", "Throughput against size, one flow; single: one datagram a call, gso: "
                "UDP_SEGMENT", "bytes in a datagram", "Gbit/s", more_than_a_point(found),
                ("set logscale x 2", "set logscale y"))


def throughput_by_workers(cells):
    of_interest = [cell for cell in chosen(cells, flows=None, measurement="single")
                   if has_workers(cell)]
    found = curves(of_interest, lambda cell: f"{cell['flows']} flows" if cell["flows"] > 1
                   else "1 flow", lambda cell: int(cell["tunnel"].rpartition("=")[2]),
                   "gbit_per_second")
    return Plot("workers", "Throughput of ftun against workers at each end", "workers", "Gbit/s",
                more_than_a_point(found), ("set xtics 1", "set yrange [0:]"))


def latency(cells):
    """How many echoes took at most so long. Of several runs the one with the median p50."""
    found = {}
    for cell in chosen(cells, measurement="echo"):
        runs = sorted(cell["runs"], key=lambda run: run["p50_us"])
        percentiles = runs[(len(runs) - 1) // 2]["percentiles_us"]
        found[f"{cell['tunnel']}, {cell['processors']}"] = [
            (time, int(percent)) for percent, time in percentiles.items()]
    return Plot("latency", f"Echoes of {USUAL_SIZE} bytes: how many take at most so long; together: on "
                "one processor", "microseconds", "% of echoes", found,
                ("set logscale x", "set yrange [0:100]"), "lines linewidth 2")


def processor_time(cells):
    of_interest = [cell for cell in chosen(cells)
                   if cell["measurement"] in MODES and not has_workers(cell)]
    modes = [mode for mode in MODES if any(cell["measurement"] == mode for cell in of_interest)]
    found = curves(of_interest, lambda cell: cell["tunnel"],
                   lambda cell: modes.index(cell["measurement"]), "cpu_seconds_per_gb")
    width = 0.8 / max(len(found), 1)
    shifted = {name: [(mode + width * (place + 0.5) - 0.4, value) for mode, value in points]
               for place, (name, points) in enumerate(found.items())}
    tics = ", ".join(f"'{mode}' {place}" for place, mode in enumerate(modes))
    return Plot("processor", "Processor time of the whole machine, load generator and sink included",
                "how datagrams are sent", "CPU seconds a GB", shifted,
                (f"set xtics ({tics})", "set yrange [0:]", "set style fill solid 0.8",
                 f"set boxwidth {0.9 * width:.3f}"), "boxes")


# Drawing.

def draw(plot, machine, path):
    """Raises PlotError when gnuplot does not do it."""
    if shutil.which("gnuplot") is None:
        raise PlotError("gnuplot is not installed (Debian: gnuplot-nox)")
    done = subprocess.run(["gnuplot"], input="\n".join(script(plot, machine, path)), text=True,
                          capture_output=True, timeout=60, check=False)
    if done.returncode != 0 or done.stderr.strip():
        raise PlotError(f"gnuplot, {path.name}: {done.stderr.strip()}")


def script(plot, machine, path):
    yield "set terminal svg size 760,460 font 'sans-serif,13' background 'white'"
    yield f"set output {quoted(path)}"
    yield f"set title {quoted(plot.title)} noenhanced"
    yield f"set xlabel {quoted(plot.x)} noenhanced"
    yield f"set ylabel {quoted(plot.y)} noenhanced"
    yield f"set label 1 {quoted(machine)} at screen 0.5, 0.025 center font ',11' noenhanced"
    yield from ("set bmargin 5", "set grid ytics linecolor rgb '#cccccc'", "set key above noenhanced")
    yield from plot.settings
    names = [f"$curve{number}" for number in range(len(plot.curves))]
    for name, points in zip(names, plot.curves.values()):
        yield from (f"{name} << END", *(f"{x} {y}" for x, y in points), "END")
    yield "plot " + ", ".join(f"{name} using 1:2 with {plot.style} title {quoted(label)}"
                              for name, label in zip(names, plot.curves))


def quoted(text):
    return "'" + str(text).translate(CHARACTERS) + "'"


def draw_all(measured, directory):
    """Draw what was measured, as tools/bench saves it; returns the names of the files."""
    machine, settings = measured["machine"], measured["settings"]
    under = (f"{machine_line(machine)}; medians of {settings['runs']} runs of "
             f"{settings['seconds']:g} s; {machine['date'][:10]}")
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for plot in plots(measured["cells"]):
        paths.append(directory / f"{plot.name}.svg")
        draw(plot, under, paths[-1])
    return paths
