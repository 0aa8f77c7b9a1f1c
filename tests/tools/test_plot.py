"""The plots of tools/bench, from made-up measurements."""

import json
import pathlib
import subprocess
import sys
from xml.etree import ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tools/lab")]
from benchmark import plot  # noqa: E402
from benchmark.sweep import worker_counts  # noqa: E402

MACHINE = {"cpu": "Somebody's CPU", "cores": 2, "kernel": "6.1", "date": "2026-01-02T03:04:05"}


def cell(tunnel, measurement="single", gbit=1.0, **place):
    medians = {"gbit_per_second": gbit, "cpu_seconds_per_gb": 4 / gbit}
    return {"wire": "mtu", "family": 4, "size": 1400, "flows": 1, "processors": "any", **place,
            "tunnel": tunnel, "measurement": measurement, "medians": medians, "runs": [medians]}


def echo(tunnel, *p50s, size=1400):
    runs = [{"p50_us": p50, "percentiles_us": {"50": p50, "100": 2 * p50}} for p50 in p50s]
    return {**cell(tunnel, "echo", size=size, processors="apart"), "medians": {}, "runs": runs}


CELLS = [
    cell("none"), cell("ftun", gbit=1.5), cell("ftun", flows=16, gbit=1.2),
    cell("none", flows=16, gbit=0.9), cell("ftun", size=64, gbit=0.1), cell("ftun", "mmsg", 2.0),
    cell("ftun", "single offered", 0.7), cell("ftun:workers=1", gbit=1.4),
    cell("ftun:workers=2", gbit=1.9), cell("ftun:workers=1", flows=2, gbit=1.6),
    cell("ftun:workers=2", flows=2, gbit=2.9), echo("ftun", 30, 10, 20), echo("ftun", 5, size=64),
]


def drawn(name):
    return next(one for one in plot.plots(CELLS) if one.name == name).curves


def test_throughput_against_flows_is_of_the_usual_size_and_mode():
    assert drawn("flows") == {"none": [(1, 1.0), (16, 0.9)], "ftun": [(1, 1.5), (16, 1.2)]}


def test_a_single_point_is_no_curve():
    assert drawn("sizes") == {"ftun, single": [(64, 0.1), (1400, 1.5)]}


def test_throughput_against_workers_has_a_curve_for_each_number_of_flows():
    assert drawn("workers") == {"1 flow": [(1, 1.4), (2, 1.9)], "2 flows": [(1, 1.6), (2, 2.9)]}


def test_the_latency_is_that_of_the_median_run():
    assert drawn("latency") == {"ftun, apart": [(20, 50), (40, 100)]}


def test_bars_of_one_mode_stand_beside_each_other():
    bars = drawn("processor")
    assert [x for x, _ in bars["none"]] == [pytest.approx(-0.2)]
    assert [x for x, _ in bars["ftun"]] == [pytest.approx(0.2), pytest.approx(1.2)]


def test_what_was_not_measured_has_no_plot():
    assert [one.name for one in plot.plots([cell("none")])] == ["processor"]


def test_workers_double_up_to_the_processors():
    assert [worker_counts(count) for count in (1, 2, 6)] == [[1], [1, 2], [1, 2, 4]]


def test_each_plot_is_an_svg_with_the_machine_under_it(tmp_path):
    saved = tmp_path / "bench.json"
    saved.write_text(json.dumps({"machine": MACHINE, "settings": {"runs": 3, "seconds": 1.0},
                                 "cells": CELLS}))
    done = subprocess.run([ROOT / "tools/bench", "--redraw", saved, "--plot", tmp_path / "plots"],
                          capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    names = ["flows", "sizes", "workers", "latency", "processor"]
    assert done.stdout.split() == [str(tmp_path / f"plots/{name}.svg") for name in names]
    for name in names:
        texts = ["".join(element.itertext()).strip() for element
                 in ElementTree.parse(tmp_path / f"plots/{name}.svg").iter()]
        assert ("Somebody's CPU, 2 cores, Linux 6.1; medians of 3 runs of 1 s; 2026-01-02"
                in texts)


def test_without_gnuplot_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(plot.PlotError, match="gnuplot is not installed"):
        plot.draw(plot.plots(CELLS)[0], "", tmp_path / "x.svg")


def test_what_gnuplot_refuses_is_said(tmp_path):
    with pytest.raises(plot.PlotError, match="cannot open|No such file"):
        plot.draw(plot.plots(CELLS)[0], "", tmp_path / "nowhere/x.svg")
