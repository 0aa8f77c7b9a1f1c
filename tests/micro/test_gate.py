"""The gate of the micro-benchmarks lets through what the baseline allows, and nothing else."""

import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FTUN_BUILD", ROOT / "build-gcc"))
CASE = "parse.v4"


def gate(*arguments):
    command = [str(ROOT / "ci/micro"), "--build", str(BUILD), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A baseline of this build."""
    written = tmp_path_factory.mktemp("baseline") / "baseline.json"
    done = gate("--baseline", str(written), "--update")
    assert done.returncode == 0, done.stderr
    return json.loads(written.read_text())


@pytest.fixture
def gate_with(measured, tmp_path):
    """Runs the gate for CASE with a baseline that `change` has made another."""
    def run(change, *cases):
        baseline = json.loads(json.dumps(measured))
        change(baseline)
        written = tmp_path / "baseline.json"
        written.write_text(json.dumps(baseline))
        return gate("--baseline", str(written), *cases)
    return run


def scaled(factor):
    def change(baseline):
        baseline["instructions"][CASE] *= factor
    return change


def test_lets_through_what_needs_as_many_instructions_as_before(gate_with):
    done = gate_with(scaled(1), CASE)
    assert done.returncode == 0, done.stderr
    assert CASE in done.stdout


def test_lets_through_two_percent_more(gate_with):
    assert gate_with(scaled(1 / 1.02), CASE).returncode == 0


def test_stops_four_percent_more_and_names_the_case(gate_with):
    done = gate_with(scaled(1 / 1.04), CASE)
    assert done.returncode == 1
    assert f"above the baseline, or not in it: {CASE};" in done.stderr


def test_stops_a_case_without_a_baseline(gate_with):
    done = gate_with(lambda baseline: baseline["instructions"].pop(CASE), CASE)
    assert done.returncode == 1
    assert f"not in it: {CASE};" in done.stderr


def test_stops_when_a_case_of_the_baseline_is_not_measured(gate_with):
    done = gate_with(lambda baseline: baseline["instructions"].update(vanished=1))
    assert done.returncode == 1
    assert "not measured: vanished" in done.stderr


def test_refuses_the_baseline_of_another_compiler_and_names_both(gate_with, measured):
    done = gate_with(lambda baseline: baseline.update(compiler="cc 1.0"), CASE)
    assert done.returncode == 1
    assert "the baseline is of 'cc 1.0'" in done.stderr
    assert measured["compiler"] in done.stderr


def test_refuses_a_case_that_does_not_exist(gate_with):
    done = gate_with(scaled(1), "parse.v5")
    assert done.returncode == 1
    assert "no such case" in done.stderr


def test_counts_the_same_each_time(gate_with, measured):
    done = gate_with(lambda baseline: None)
    differences = [line.split()[-2] for line in done.stdout.splitlines()]
    assert set(differences) <= {"+0.0", "-0.0"} and len(differences) == len(measured["instructions"])
