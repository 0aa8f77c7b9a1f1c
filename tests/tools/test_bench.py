"""tools/bench: any tunnel that is described, and one clear line when a description is wrong."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FTUN_BUILD", ROOT / "build"))
BENCH = ROOT / "tools/bench"
FORWARDER = pathlib.Path(__file__).with_name("forwarder.py")
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tools/lab")]
from benchmark.search import PRECISION, highest_rate  # noqa: E402
from benchmark.tunnel import Catalogue  # noqa: E402

PLAIN = f"""
# Two forwarders; they print a word when they are ready.
[tunnel]
programs = {sys.executable}

[server]
run = {sys.executable} {FORWARDER} $far:$port $listen_at
ready = ready

[client]
run = {sys.executable} {FORWARDER} $send_to $far:$port
"""


def bench(*arguments):
    return subprocess.run([BENCH, "--build", BUILD, *map(str, arguments)], capture_output=True,
                          text=True, timeout=900, check=False)


def describe(directory, text, name="odd"):
    (directory / f"{name}.ini").write_text(text)
    return Catalogue([directory])


def tunnel(directory, text, name="odd", family=4):
    return describe(directory, text).tunnel(name, pathlib.Path("/build"), family)


def test_placeholders_become_addresses(tmp_path):
    text = "[tunnel]\n[client]\nrun = x $send_to $far:$port '$far_address a' $device $build\n"
    assert tunnel(tmp_path, text).sides["client"].run == [
        "x", "127.0.0.1:5000", "10.77.0.2:4567", "10.77.0.2 a", "wire0", "/build"]
    assert tunnel(tmp_path, text, family=6).sides["client"].run == [
        "x", "[::1]:5000", "[fd77::2]:4567", "fd77::2 a", "wire0", "/build"]


def test_options_are_put_where_the_description_has_them(tmp_path):
    text = "[tunnel]\n[server]\nrun = x $options\n[options]\nworkers = -w $value\nfast = --fast\n"
    assert tunnel(tmp_path, text).sides["server"].run == ["x"]
    chosen = tunnel(tmp_path, text, "odd:workers=2:fast")
    assert chosen.sides["server"].run == ["x", "-w", "2", "--fast"]


@pytest.mark.parametrize("text, says", [
    ("[client]\nrun = x\n", "a section [tunnel] is missing"),
    ("[tunnel]\n[pilot]\n", "no section [pilot]; known are tunnel, server, client and options"),
    ("[tunnel]\nspeed = 9\n", "[tunnel] has no 'speed'; known are about, listen_at, programs"),
    ("[tunnel]\n[client]\nrun = x $wings\n", "there is no $wings; known are build, device, family"),
    ("[tunnel]\n[client]\nrun = x 5$\n", "a lone $"),
    ("[tunnel]\n[client]\nrun = 'x\n", "No closing quotation"),
    ("[tunnel]\n[client]\nready = (\n", "[client] ready: missing )"),
    ("run = x\n", "no section headers"),
    ("[tunnel]\nprograms = a\nprograms = b\n", "already exists"),
    ("[tunnel]\nsome words\n", "parsing errors"),
])
def test_a_wrong_description_is_one_line(tmp_path, text, says):
    (tmp_path / "odd.ini").write_text(text)
    done = bench("--tunnels-dir", tmp_path, "--only", "odd")
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert str(tmp_path / "odd.ini") in line
    assert says in line
    assert done.stdout == ""


@pytest.mark.parametrize("name, says", [
    ("zeppelin", "'zeppelin': no such tunnel; there are none, ftun, "),
    ("ftun:wings=2", "its options are workers, "),
    ("none:wings=2", "it has no options"),
    ("absent", "absent: not there: /nowhere/absent"),
])
def test_a_tunnel_that_is_named_must_be_there(tmp_path, name, says):
    (tmp_path / "absent.ini").write_text("[tunnel]\nprograms = /nowhere/absent\n")
    done = bench("--tunnels-dir", tmp_path, "--only", f"none,{name}")
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr.splitlines()[-1]


def test_a_directory_of_descriptions_must_exist(tmp_path):
    done = bench("--tunnels-dir", tmp_path / "none")
    assert done.returncode == 2
    assert "no such directory" in done.stderr.splitlines()[-1]


def test_every_description_of_ours_can_be_read():
    catalogue = Catalogue([ROOT / "tools/tunnels"])
    assert catalogue.names()[:2] == ["none", "ftun"]
    assert {"phantun", "udp2raw", "mimic"} <= set(catalogue.names())
    for name in catalogue.names():
        for family in (4, 6):
            assert catalogue.tunnel(name, BUILD, family).send_to


@pytest.mark.parametrize("limit", [9e9, 3.3e9, 5e7])
def test_the_no_drop_rate_is_found(limit):
    assert highest_rate(lambda rate: rate <= limit, 1e10) == pytest.approx(limit, rel=PRECISION)


def test_a_tunnel_that_always_loses_has_no_such_rate():
    assert highest_rate(lambda rate: False, 1e10) == 0


def test_a_rate_that_fails_is_tried_once_more():
    """Every rate below the limit fails the first time that it is tried."""
    tried = set()

    def passes(rate):
        known = rate in tried
        tried.add(rate)
        return known and rate <= 3e9

    assert highest_rate(passes, 1e10) == pytest.approx(3e9, rel=PRECISION)


def test_a_described_tunnel_is_measured_beside_the_others(tmp_path):
    """A plain forwarder, and ftun with odd options; one has no sign that it is ready."""
    (tmp_path / "plain.ini").write_text(PLAIN)
    result = tmp_path / "result.json"
    done = bench("--tunnels-dir", tmp_path, "--only", "none,plain,ftun:offload=off", "--modes",
                 "single", "--runs", 1, "--seconds", 0.3, "--measure", "no-drop", "--json", result)
    assert done.returncode == 0, done.stderr
    heading = next(line for line in done.stdout.splitlines() if "plain/none" in line)
    assert heading.split() == ["none", "plain", "ftun:offload=off", "plain/none",
                               "ftun:offload=off/none"]
    cells = json.loads(result.read_text())["cells"]
    for measurement in ("single", "single no-drop"):
        arrived = {cell["tunnel"]: cell["medians"]["gbit_per_second"] for cell in cells
                   if cell["measurement"] == measurement}
        assert arrived.keys() == {"none", "plain", "ftun:offload=off"}
        assert all(figure > 0 for figure in arrived.values())


def test_a_tunnel_that_does_not_work_is_said_to_fail(tmp_path):
    (tmp_path / "broken.ini").write_text(
        "[tunnel]\n[client]\nrun = sh -c 'echo the reason; exit 1'\nready = never\n")
    done = bench("--tunnels-dir", tmp_path, "--only", "broken", "--modes", "single", "--runs", 1,
                 "--seconds", 0.3, "--measure", "offered")
    assert done.returncode == 1
    assert "the reason" in done.stderr
    assert "failed" in done.stdout


def test_a_crowd_is_measured_alone():
    done = bench("--flows", "16,1000")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--flows: 1000 and more are a measurement of its own" in done.stderr.splitlines()[-1]


def test_a_thousand_flows_are_a_crowd(tmp_path):
    result = tmp_path / "result.json"
    done = bench("--flows", 1000, "--open-rate", 2000, "--seconds", 0.3, "--json", result)
    assert done.returncode == 0, done.stderr
    assert json.loads(result.read_text())["crowds"][0]["crowd"]["opened"] == 1000
    assert "(asked for: 2000)" in done.stdout


def test_a_tunnel_without_a_sign_is_probed(tmp_path):
    """Its own firewall rules are loaded, and let nothing through."""
    rules = "nft = table inet t { chain c { type filter hook input priority 0; udp dport 4567 drop; }; }"
    (tmp_path / "blocked.ini").write_text(PLAIN.replace("[server]", f"[server]\n{rules}"))
    done = bench("--tunnels-dir", tmp_path, "--only", "blocked", "--modes", "single", "--runs", 1,
                 "--seconds", 0.3, "--measure", "offered")
    assert done.returncode == 1
    assert "blocked: nothing comes back through it" in done.stderr


def test_a_setup_that_fails_is_said(tmp_path):
    (tmp_path / "unset.ini").write_text("[tunnel]\n[server]\nsetup = true\n    sh -c 'exit 7'\n")
    done = bench("--tunnels-dir", tmp_path, "--only", "unset", "--modes", "single", "--runs", 1,
                 "--seconds", 0.3, "--measure", "offered")
    assert done.returncode == 1
    assert "exit 7: exit 7" in done.stderr


def test_what_is_not_installed_is_said_and_is_no_error(tmp_path):
    (tmp_path / "absent.ini").write_text("[tunnel]\nprograms = /nowhere/absent\n")
    for name in ("ftun", "phantun", "udp2raw", "mimic"):  # whether or not they are here
        (tmp_path / f"{name}.ini").write_text("[tunnel]\nprograms = /nowhere/absent\n")
    done = bench("--tunnels-dir", tmp_path, "--modes", "single", "--runs", 1, "--seconds", 0.3,
                 "--measure", "offered")
    assert done.returncode == 0, done.stderr
    assert "Not measured: absent, for want of /nowhere/absent." in done.stdout
