"""All runs that the command line asks for, and what they gave."""

import collections
import dataclasses
import itertools
import os
import statistics
import subprocess
import sys

import lab

from .place import ECHO_SIZES, PLACEMENTS, Place

OFFERED_PART = 0.9
SAVED = ("names", "wires", "modes", "sizes", "flows", "family", "runs", "seconds")  # settings


class Results:
    """What was measured: runs by place, measurement and tunnel."""

    def __init__(self):
        self.runs = collections.defaultdict(list)
        self.failures = []

    def add(self, place, measurement, tunnel, figures):
        self.runs[place, measurement, tunnel].append(figures)

    def count(self, place, measurement, tunnel):
        return len(self.runs.get((place, measurement, tunnel), ()))

    def median(self, place, measurement, tunnel, figure):
        values = [run[figure] for run in self.runs.get((place, measurement, tunnel), ())
                  if run[figure] is not None]
        return statistics.median(values) if values else None

    def total(self, figure):
        return sum(run.get(figure, 0) for runs in self.runs.values() for run in runs)


def load_places(settings):
    return [Place(wire, settings.family, size, flows) for wire in settings.wires
            for size in settings.sizes for flows in settings.flows]


def echo_places(settings):
    if "echo" not in settings.measure:
        return []
    placements = PLACEMENTS if len(os.sched_getaffinity(0)) > 1 else ["together"]
    return [Place(wire, settings.family, size, processors=placement) for wire in settings.wires
            for placement in placements for size in ECHO_SIZES]


class Session:
    """Walks through everything that the command line asks for."""

    def __init__(self, settings, bench, results):
        self.settings = settings
        self.bench = bench
        self.results = results
        self.tunnels = settings.tunnels
        self.places, self.echo_places = load_places(settings), echo_places(settings)
        self.done = 0
        self.expected = self.count_runs()

    def count_runs(self):
        measured = self.settings.measure
        loads = 1 + ("offered" in measured and "none" in self.settings.names) + (
            "no-drop" in measured)
        loads *= len(self.places) * len(self.settings.modes)
        return (loads + len(self.echo_places)) * len(self.tunnels) * self.settings.runs

    def run(self):
        for place in self.places:
            for mode in self.settings.modes:
                self.full_speed(place, mode)
                if "offered" in self.settings.measure:
                    self.below_full_speed(place, mode)
                if "no-drop" in self.settings.measure:
                    self.no_drop(place, mode)
        for place in self.echo_places:
            self.repeat(place, "echo", lambda tunnel, place=place: self.bench.echo(tunnel, place))

    def full_speed(self, place, mode):
        self.repeat(place, mode, lambda tunnel: self.bench.throughput(tunnel, place, mode))

    def no_drop(self, place, mode):
        self.repeat(place, f"{mode} no-drop",
                    lambda tunnel: self.bench.no_drop(tunnel, place, mode))

    def below_full_speed(self, place, mode):
        """The same load for all tunnels: a part of what arrived without any."""
        delivered = self.results.median(place, mode, "none", "gbit_per_second")
        if not delivered:
            return
        rate = OFFERED_PART * delivered * 1e9
        self.repeat(place, f"{mode} offered",
                    lambda tunnel: self.bench.throughput(tunnel, place, mode, rate))

    def repeat(self, place, measurement, measure):
        for number, tunnel in itertools.product(range(self.settings.runs), self.tunnels):
            self.done += 1
            if self.results.count(place, measurement, tunnel.name) > number:
                continue  # an earlier session of this run has it
            self.show_progress(place, measurement, tunnel, number)
            try:
                self.results.add(place, measurement, tunnel.name, measure(tunnel))
            except (lab.LabError, subprocess.SubprocessError, OSError, ValueError) as failure:
                self.note_failure(place, measurement, tunnel, failure)

    def note_failure(self, place, measurement, tunnel, failure):
        self.results.failures.append({
            "place": dataclasses.asdict(place), "measurement": measurement,
            "tunnel": tunnel.name, "failure": str(failure)})
        print(f"{clear_line()}{tunnel.name}, {measurement}: {failure}", file=sys.stderr)

    def show_progress(self, place, measurement, tunnel, number):
        if sys.stderr.isatty():
            print(f"{clear_line()}[{self.done}/{self.expected}] {place.wire} {place.size} bytes, "
                  f"{measurement}, {tunnel.name}, run {number + 1}", end="", file=sys.stderr,
                  flush=True)


def clear_line():
    return "\r\033[K" if sys.stderr.isatty() else ""


def saved_settings(settings):
    return {key: value for key, value in vars(settings).items() if key in SAVED}


def everything(settings, machine, results):
    """What was measured, raw runs included, as it is saved."""
    cells = [{**dataclasses.asdict(place), "measurement": measurement, "tunnel": tunnel,
              "medians": medians(runs), "runs": runs}
             for (place, measurement, tunnel), runs in results.runs.items()]
    return {"machine": machine, "settings": saved_settings(settings), "cells": cells,
            "failures": results.failures}


def medians(runs):
    names = [name for name, value in runs[0].items() if isinstance(value, (int, float))]
    return {name: statistics.median(run[name] for run in runs if run[name] is not None)
            for name in names}
