"""ftun-load exchange --overtaking: what it lets pass, and that it lets nothing else pass."""

import itertools
import json
import os
import pathlib
import subprocess
import socket
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOAD = pathlib.Path(os.environ.get("FTUN_BUILD", ROOT / "build")) / "ftun-load"

LONG = 600
COUNT = 5000  # each way
SPARED = 50  # datagrams between two faults, and at either end


class Path(threading.Thread):
    """One flow. On its way forth each so many datagrams one for which `held` is true is overtaken by
    the next, if `first` is true for that; it is dropped where `first` is None."""

    def __init__(self, held, first):
        super().__init__(daemon=True)
        self.held, self.first = held, first
        self.near, self.far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.near.bind(("127.0.0.1", 0))
        self.port = self.near.getsockname()[1]

    def lead_to(self, port):
        self.far.connect(("127.0.0.1", port))
        self.start()

    def back(self, application):
        while True:
            self.near.sendto(self.far.recv(2000), application)

    def run(self):
        waiting, due, back = [], SPARED, None
        for number in itertools.count():
            datagram, application = self.near.recvfrom(2000)
            if back is None:
                back = threading.Thread(target=self.back, args=[application], daemon=True)
                back.start()
            if due <= number < COUNT - SPARED and not waiting and self.held(len(datagram)):
                waiting, due = [datagram] if self.first else [], number + SPARED
                continue
            overtakes = waiting and self.first(len(datagram))
            for each in [datagram, *waiting] if overtakes else [*waiting, datagram]:
                self.far.send(each)
            waiting = []


def is_long(size):
    return size >= LONG


def is_short(size):
    return size < LONG


def exchange(tmp_path, path, *more):
    options = ("--flows", "1", "--count", str(2 * COUNT), "--size", "64-1400", "--window", "64K",
               "--seconds", "240", "--credit", str(tmp_path / "credit"), *more)
    with subprocess.Popen([LOAD, "exchange", "--listen", "127.0.0.1:5701", *options],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as far:
        assert "listening" in far.stderr.readline()
        path.lead_to(5701)
        near = subprocess.run([LOAD, "exchange", "--to", f"127.0.0.1:{path.port}", *options],
                              capture_output=True, timeout=300, check=False)
        figures = json.loads(far.communicate(timeout=90)[0])
        assert (near.returncode == 0) == figures["complete"]
        faults = {name for name, count in figures["errors"].items() if count > 0}
        assert far.returncode == (1 if faults or not figures["complete"] else 0)
        return figures["overtaken"], faults


@pytest.mark.parametrize("held, first", [(is_long, is_short), (is_short, is_long)],
                         ids=["by the shorter", "by the longer"])
def test_one_kind_may_overtake_the_other(tmp_path, held, first):
    overtaken, faults = exchange(tmp_path, Path(held, first), "--overtaking", str(LONG))
    assert overtaken > 10
    assert faults == set()


@pytest.mark.parametrize("kind", [is_long, is_short])
def test_none_may_overtake_its_own_kind(tmp_path, kind):
    assert exchange(tmp_path, Path(kind, kind), "--overtaking", str(LONG))[1] == {"reordered"}


def test_nothing_may_overtake_unless_it_is_said(tmp_path):
    assert exchange(tmp_path, Path(is_long, is_short)) == (0, {"reordered"})


def test_what_never_comes_is_lost(tmp_path):
    overtaken, faults = exchange(tmp_path, Path(is_long, None), "--overtaking", str(LONG))
    assert (overtaken, faults) == (0, {"lost"})
