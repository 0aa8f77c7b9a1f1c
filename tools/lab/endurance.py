"""What tools/soak concludes from what it measured: does anything grow, stick or get lost?

`report` is what tools/soak's report() returns. A judgement is a dictionary: what was looked at,
whether it holds, and the numbers, as text.
"""

import itertools
import re

import trend

ENDS = ("client", "server")
# What is allocated (VmData of proc(5)): glibc extends a heap, and gives back of it, by steps of
# 128 KiB (mallopt(3): M_TOP_PAD and M_TRIM_THRESHOLD), and one step is no leak. A leak of 64 bytes a
# flow exceeds it after 2000 flows, in 20 s of 100 flows a second.
ALLOCATED_RISE_KB = 128
# What of it is resident (VmRSS) rises without any leak when a page is used for the first time, as
# those of receive buffers are by the longest burst so far, which comes when the machine is busy. The
# slots of flows are a kilobyte each: 2000 that nobody gives back exceed this.
RESIDENT_RISE_KB = 1024
# The load is moderate. What a busy machine makes a socket drop now and then is no fault of ftun's:
# so many percent, unless the report says otherwise.
ALLOWED_LOSS_PERCENT = 0.1
# How many flows there are at once goes up and down when the machine is busy, and a flow may have a
# descriptor: by so many turns' flows. None may be left at the end.
DESCRIPTORS_RISE_TURNS = 2
# Counters of what is no loss.
TRAFFIC = re.compile(r"(flows|datagrams|bytes|segments|fragments|packets)-|icmp-errors|answers-"
                     r"|divert-(taken|left)$")


def judged_samples(report):
    """The second half of the samples taken while as many flows ended as began."""
    steady = [sample for sample in report["samples"]
              if sample["seconds"] >= report["steady_after"]]
    return steady[len(steady) // 2:]


def judge_rise(report, name, unit, allowed):
    series = [(sample["seconds"], sample[name]) for sample in judged_samples(report)]
    rise = trend.rise(series)
    return judgement(name.removesuffix("_kb").replace("_", " "), rise <= allowed,
                     f"{series[0][1]} to {series[-1][1]} {unit}, a rise of {rise:.1f} in "
                     f"{series[-1][0] - series[0][0]:.0f} s (allowed: {allowed})")


def judgement(what, holds, numbers):
    return {"what": what, "holds": holds, "numbers": numbers}


def judge_end(report, end):
    """That nothing of the load is left."""
    totals = report["totals"][end]
    opened, closed = totals.get("flows-opened", 0), totals.get("flows-closed", 0)
    before, after = report["descriptors_before"][end], report["descriptors_after"][end]
    yield judgement(f"{end} flows", opened == closed > 0, f"{opened} opened, {closed} closed")
    yield judgement(f"{end} descriptors left", before == after, f"{before} before, {after} after")


def stations(report):
    """How many datagrams were where, from the applications to the service and back."""
    client, server = (report["totals"][end] for end in ENDS)
    return (("sent by the applications", report["sent"]),
            ("sent by the client", client.get("datagrams-sent", 0)),
            ("delivered by the server", server.get("datagrams-delivered", 0)),
            ("received by the service", report["sink"]["datagrams"]),
            ("sent by the server", server.get("datagrams-sent", 0)),
            ("delivered by the client", client.get("datagrams-delivered", 0)))


def losses_counted(report):
    """What any program or the kernel says it has refused or dropped, by name."""
    named = {f"{end} {name}": value for end in ENDS for name, value in report["totals"][end].items()
             if not TRAFFIC.match(name)}
    return {**named, **{name: value for name, value in report["kernel_drops"].items() if value}}


def judge_counts(report):
    """A counter may stand for one datagram or for a burst of them, so how many it accounts for is
    not compared, only that what is missing has a counter at all, and that it is little."""
    counted = ", ".join(f"{name} {value}" for name, value in losses_counted(report).items())
    for (_, before), (place, here) in itertools.pairwise(stations(report)):
        missing = before - here
        yield judgement(place, missing == 0 or missing > 0 and counted != "",
                        f"{here} datagrams, {missing} less than before"
                        + (f" (counted: {counted})" if missing else ""))
    sent, back = stations(report)[0][1], stations(report)[-1][1]
    lost = 100 * (sent - back) / max(sent, 1)
    allowed = report.get("allowed_loss_percent", ALLOWED_LOSS_PERCENT)
    yield judgement("lost there and back", sent > 0 and lost <= allowed,
                    f"{lost:.4f} % (allowed: {allowed:g})")


def judge_content(report):
    corrupted = report["sink"]["corrupted"] + report["echoes_corrupted"]
    yield judgement("content", corrupted == 0, f"{corrupted} datagrams altered")
    yield judgement("echoes", report["echoes_lost"] <= report["echoes_sent"] / 100,
                    f"{report['echoes_lost']} of {report['echoes_sent']} did not come back")


def judge(report):
    """All judgements, as a list."""
    found = []
    for end in ENDS:
        found.append(judge_rise(report, f"{end}_allocated_kb", "kB", ALLOCATED_RISE_KB))
        found.append(judge_rise(report, f"{end}_resident_kb", "kB", RESIDENT_RISE_KB))
        found.append(judge_rise(report, f"{end}_descriptors", "descriptors",
                                DESCRIPTORS_RISE_TURNS * report["churn"]))
        found += judge_end(report, end)
    return [*found, *judge_counts(report), *judge_content(report)]


def lines(report, judgements):
    """The verdict, for people."""
    used = ", ".join(f"{end} {100 * seconds / report['seconds']:.0f} %"
                     for end, seconds in report["processor_seconds"].items())
    yield (f"{report['seconds']:.0f} s, {report['sent']} datagrams each way, "
           f"{report['totals']['client'].get('flows-opened', 0)} flows; of a processor: {used}")
    for one in judgements:
        yield f"{'ok' if one['holds'] else 'FAILED':8}{one['what']}: {one['numbers']}"
    failed = sum(not one["holds"] for one in judgements)
    yield f"FAILED: {failed} of {len(judgements)}" if failed else "nothing grew, stuck or got lost"
