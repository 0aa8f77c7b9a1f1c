"""What tools/bench measures, in which order and how often; nothing is really measured."""

import argparse
import collections
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tools/lab")]
from benchmark.session import Results, Session  # noqa: E402
from benchmark.sweep import sweeps  # noqa: E402
from benchmark.table import Markdown, Table  # noqa: E402
from benchmark.tunnel import Catalogue  # noqa: E402


class Pretender:
    """Measures nothing: each measurement has the figures that the test gives it, and is noted."""

    def __init__(self, **figures):
        self.figures = {"gbit_per_second": 2.0, "lost_percent": 0.0, "reordered_percent": 0.0,
                        "corrupted": 0, "duplicated": 0, "cpu_seconds_per_gb": 4.0, "p50_us": 10.0,
                        "p99_us": 20.0, "lost": 0, **figures}
        self.measured = collections.Counter()

    def note(self, tunnel, place, *what):
        self.measured[place, tunnel.name, *what] += 1
        return dict(self.figures)

    def throughput(self, tunnel, place, mode, rate=None):
        return self.note(tunnel, place, mode, rate)

    def no_drop(self, tunnel, place, mode):
        return self.note(tunnel, place, mode, "no-drop")

    def echo(self, tunnel, place):
        return self.note(tunnel, place, "echo")


@pytest.fixture(name="settings")
def fixture_settings():
    catalogue = Catalogue([ROOT / "tools/tunnels"])
    names = ["none", "ftun"]
    return argparse.Namespace(
        wires=["mtu", "offload"], modes=["single"], sizes=[1400], flows=[1], family=4, runs=3,
        seconds=1.0, measure=["offered", "no-drop", "echo"], names=names, catalogue=catalogue,
        build=pathlib.Path("/build"),
        tunnels=[catalogue.tunnel(name, pathlib.Path("/build"), 4) for name in names])


def run(settings, bench):
    results = Results()
    session = Session(settings, bench, results)
    session.run()
    assert session.done == session.expected
    return results


def test_a_session_measures_each_as_often_as_it_was_told(settings):
    bench = Pretender()
    run(settings, bench)
    assert set(bench.measured.values()) == {settings.runs}
    offered = {what[-1] for what in bench.measured if isinstance(what[-1], float)}
    assert offered == {0.9 * 2.0 * 1e9}


@pytest.mark.parametrize("left_out", ["offered", "no-drop", "echo"])
def test_what_is_not_asked_for_is_not_measured(settings, left_out):
    settings.measure.remove(left_out)
    bench = Pretender()
    run(settings, bench)
    kinds = {"offered" if isinstance(what[-1], float) else what[-1] for what in bench.measured}
    assert kinds == {None, *settings.measure}


def test_what_sweeps_have_in_common_is_measured_once(settings):
    bench, results = Pretender(), Results()
    for chosen in sweeps(settings):
        Session(chosen, bench, results).run()
    assert set(bench.measured.values()) == {settings.runs}
    flows = {place.flows for place, tunnel, *_ in bench.measured if tunnel == "ftun"}
    sizes = {place.size for place, tunnel, *_ in bench.measured if tunnel == "ftun"}
    assert (flows, sizes) == ({1, 4, 16, 64, 256}, {64, 256, 700, 1400})
    assert any(tunnel == "ftun:workers=1" for _, tunnel, *_ in bench.measured)


def test_the_table_has_a_row_for_each_figure(settings):
    settings.modes = ["single", "gso"]
    lines = list(Table(settings, run(settings, Pretender())).lines())
    for row in ("single  throughput", "gso     no-drop rate", "gso     offered 1.80: lost",
                "1400    echo p99"):
        assert sum(line.strip().startswith(row) for line in lines) in (2, 4), row


def test_the_markdown_has_ratios_to_no_tunnel(settings):
    settings.modes = ["gso"]
    lines = list(Markdown(settings, run(settings, Pretender())).lines())
    assert lines[1].split(" | ")[1:4] == ["none, Gbit/s", "ftun, Gbit/s", "ftun/none"]
    assert len(lines) == 5
    assert lines[3] == ("| UDP_SEGMENT, up to 64 KB; packets of 1500 bytes on the wire, IPv4, "
                        "datagrams of 1400 bytes, 1 flow | 2.00 | 2.00 | 1.00 | 1.00 | 1.00 |")


def test_one_that_fails_is_failed_in_the_table(settings):
    class Broken(Pretender):
        def throughput(self, tunnel, place, mode, rate=None):
            if tunnel.name == "ftun":
                raise subprocess.SubprocessError("no")
            return super().throughput(tunnel, place, mode, rate)

    results = run(settings, Broken())
    row = next(line for line in Table(settings, results).lines() if "throughput" in line)
    assert row.split()[-3:] == ["2.00", "failed", "-"]
    assert {failure["tunnel"] for failure in results.failures} == {"ftun"}
