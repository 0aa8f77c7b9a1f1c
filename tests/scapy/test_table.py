"""What ftun-replay is expected to say of the hostile captures, held against the table of faults:
an expectation that was merely written down from what happened would bless any bug."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GENERATOR = ROOT / "tools" / "hostile"
HOSTILE = ROOT / "pcaps" / "hostile"
sys.path.insert(0, str(GENERATOR))
import faults  # noqa: E402
import recording  # noqa: E402

TABLE = faults.table()
CLAIMS = {name: recording.record(fault).claims for name, fault in TABLE.items()}
PACKET = re.compile(r"(\d+) [\d.]+ < .* : ([a-z-]+)")
DELIVERED = re.compile(r"    deliver flow \d+ bytes (\d+) ")
SENT = re.compile(r"    > \S+ \S+ (\S+) ")


class Outcome:
    """What came of one packet."""

    def __init__(self, verdict):
        self.verdict, self.delivers, self.answers = verdict, [], []


def outcomes(text):
    """By packet number. What a timer did between two packets belongs to neither."""
    found, current = {}, Outcome(None)
    for line in text.splitlines():
        packet, delivered, sent = PACKET.match(line), DELIVERED.match(line), SENT.match(line)
        if packet:
            current = found[int(packet[1])] = Outcome(packet[2])
        elif not line.startswith("    "):
            current = Outcome(None)
        elif delivered:
            current.delivers.append(int(delivered[1]))
        elif sent:
            current.answers.append(sent[1])
    return found


def complaints(claims, found):
    for number, claim in claims.items():
        outcome = found.get(number, Outcome("nothing"))
        if outcome.verdict != claim.verdict:
            yield f"packet {number}: {outcome.verdict}, not {claim.verdict}"
        if outcome.delivers != list(claim.delivers):
            yield f"packet {number}: delivers {outcome.delivers}, not {list(claim.delivers)}"
        if claim.answers is not None and outcome.answers != list(claim.answers):
            yield f"packet {number}: answered by {outcome.answers}, not {list(claim.answers)}"


@pytest.mark.parametrize("fault", TABLE.values(), ids=TABLE)
def test_the_expectation_is_what_the_table_says(fault):
    text = (HOSTILE / f"{fault.name}.txt").read_text()
    assert not list(complaints(CLAIMS[fault.name], outcomes(text)))


def test_the_table_is_large_enough_and_reaches_every_layer():
    assert len(TABLE) >= 120
    assert {name.split("-")[0] for name in TABLE} == set(faults.LAYERS)


def test_a_session_holds_good_data_that_must_be_delivered_behind_the_fault():
    for fault in TABLE.values():
        claims = list(CLAIMS[fault.name].values())
        assert fault.ends or any(claim.delivers for claim in claims[-4:]), fault.name


def test_generating_again_changes_nothing():
    done = subprocess.run([GENERATOR / "generate", "--check"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout


def test_an_expectation_that_blesses_a_bug_is_noticed():
    """A refused packet that would have been delivered, one answered that must not be."""
    fault = TABLE["tcp-flags-syn-fin"]
    claims = CLAIMS[fault.name]
    text = (HOSTILE / f"{fault.name}.txt").read_text()
    assert not list(complaints(claims, outcomes(text)))
    for bug in ("taken", "malformed-tcp-flags\n    deliver flow 0 bytes 5 stride 5",
                "malformed-tcp-flags\n    > 10.0.0.2:4567 10.0.0.1:40000 R 1:1(0) win 0"):
        assert list(complaints(claims, outcomes(text.replace("malformed-tcp-flags", bug))))
