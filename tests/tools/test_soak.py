"""The judge of tools/soak: what it lets pass, and that it notices what it is there for."""

import pathlib
import random
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/lab"))
import endurance  # noqa: E402
import trend  # noqa: E402


def made_up(seconds=120, allocated=lambda second: 11000, descriptors=lambda second: 520,
            resident=lambda second: 9000):
    """A report of a soak in which nothing is wrong but what the arguments say."""
    samples = [{"seconds": float(second), "client_allocated_kb": 9000, "client_descriptors": 14,
                "client_resident_kb": 8000, "server_resident_kb": resident(second),
                "server_allocated_kb": allocated(second), "server_descriptors": descriptors(second)}
               for second in range(1, seconds + 1)]
    totals = {"flows-opened": 700, "flows-closed": 700, "datagrams-sent": 5000,
              "datagrams-delivered": 5000, "bytes-sent": 1}
    return {
        "seconds": seconds, "steady_after": 20, "churn": 100, "samples": samples,
        "descriptors_before": {"client": 14, "server": 15},
        "descriptors_after": {"client": 14, "server": 15},
        "totals": {"client": dict(totals), "server": dict(totals)},
        "processor_seconds": {"client": 1.0, "server": 1.0},
        "sink": {"datagrams": 5000, "corrupted": 0}, "sent": 5000, "echoes_sent": 200,
        "kernel_drops": {"devices": 0}, "echoes_lost": 0, "echoes_corrupted": 0,
    }


def failed(report):
    return {one["what"] for one in endurance.judge(report) if not one["holds"]}


def test_a_slope_is_what_most_pairs_of_points_say():
    line = [(second, 5 + 3 * second) for second in range(20)]
    assert trend.slope(line) == 3
    line[7], line[13] = (7, 9000), (13, -9000)
    assert trend.slope(line) == pytest.approx(3, abs=0.1)
    assert trend.rise([(10, 1), (20, 2), (30, 3)]) == pytest.approx(2)


def test_a_slope_needs_two_points_in_time():
    with pytest.raises(ValueError):
        trend.slope([(1, 1), (1, 2)])


def test_a_calm_soak_passes():
    jitter = random.Random(5)
    calm = made_up(allocated=lambda _: 11000 + jitter.randint(-60, 60),
                   descriptors=lambda _: 520 + jitter.randint(-100, 100))
    assert failed(calm) == set()


def test_memory_that_is_taken_at_the_start_passes():
    assert failed(made_up(allocated=lambda second: 11000 + 100 * min(second, 30))) == set()


def test_a_step_of_the_heap_passes():
    assert failed(made_up(allocated=lambda second: 11000 + 132 * (second > 90))) == set()


@pytest.mark.parametrize("seconds, bytes_a_flow", [(60, 90), (120, 40), (1800, 2)])
def test_a_leak_is_noticed(seconds, bytes_a_flow):
    """100 flows a second leave something behind; among jitter, and in pages."""
    jitter = random.Random(6)

    def allocated(second):
        leaked_kb = second * 100 * bytes_a_flow // 1024
        return 11000 + leaked_kb // 4 * 4 + jitter.randint(-5, 5)

    assert failed(made_up(seconds, allocated)) == {"server allocated"}


def test_a_leak_that_shows_in_steps_of_the_heap_is_noticed():
    assert failed(made_up(300, lambda second: 11000 + second // 40 * 132)) == {"server allocated"}


def test_resident_pages_may_be_used_for_the_first_time():
    assert failed(made_up(1800, resident=lambda second: 9000 + second // 4)) == set()


def test_slots_that_nobody_gives_back_are_noticed():
    assert failed(made_up(60, resident=lambda second: 9000 + 100 * second)) == {"server resident"}


def test_a_leak_of_descriptors_is_noticed():
    assert failed(made_up(120, descriptors=lambda second: 520 + 5 * second)) == {
        "server descriptors"}


def test_descriptors_that_stay_behind_are_noticed():
    report = made_up()
    report["descriptors_after"]["client"] = 15
    assert failed(report) == {"client descriptors left"}


@pytest.mark.parametrize("closed", [699, 0])
def test_a_flow_that_sticks_is_noticed(closed):
    report = made_up()
    report["totals"]["server"]["flows-closed"] = closed
    assert failed(report) == {"server flows"}


def test_a_soak_without_flows_does_not_pass():
    report = made_up()
    for totals in report["totals"].values():
        totals.update({"flows-opened": 0, "flows-closed": 0})
    assert failed(report) == {"client flows", "server flows"}


def test_datagrams_that_vanish_uncounted_are_noticed():
    report = made_up()
    report["totals"]["server"].update({"datagrams-delivered": 4999, "datagrams-sent": 4999})
    report["totals"]["client"]["datagrams-delivered"] = 4999
    report["sink"]["datagrams"] = 4999
    report["totals"]["server"]["divert-taken"] = 5000  # no loss
    assert failed(report) == {"delivered by the server"}
    report["totals"]["server"]["window-full"] = 1
    assert failed(report) == set()


def test_datagrams_from_nowhere_are_noticed():
    report = made_up()
    report["sink"]["datagrams"] = 5001
    report["kernel_drops"]["devices"] = 9
    assert failed(report) == {"received by the service"}


def test_much_loss_is_noticed_although_counted():
    report = made_up()
    report["totals"]["client"].update({"datagrams-delivered": 4000, "delivery-drops": 1000})
    assert failed(report) == {"lost there and back"}


@pytest.mark.parametrize("where", ["sink", "echo"])
def test_an_altered_datagram_is_noticed(where):
    report = made_up()
    if where == "sink":
        report["sink"]["corrupted"] = 1
    else:
        report["echoes_corrupted"] = 1
    assert failed(report) == {"content"}


def test_the_verdict_says_how_many_failed():
    report = made_up()
    report["echoes_corrupted"] = 1
    *_, last = endurance.lines(report, endurance.judge(report))
    assert last.startswith("FAILED: 1 of ")
    *_, last = endurance.lines(made_up(), endurance.judge(made_up()))
    assert last == "nothing grew, stuck or got lost"
