"""One run of one measurement, in a laboratory of its own."""

import itertools
import json
import os
import pathlib

import lab

from .search import highest_rate

WARM_UP_SECONDS = 0.3
LOST_PERCENT_MOST = 0.1  # of the no-drop rate
STEP_SECONDS = 0.5  # each rate on the way to it is tried so long
STEP_SILENCE = 0.3  # then all has arrived


class PlacedHost:
    """A host whose programs may be held to one processor."""

    def __init__(self, host, processor=None):
        self.host = host
        self.prefix = () if processor is None else ("taskset", "--cpu-list", processor)

    def start(self, *command):
        return self.host.start(*self.prefix, *command)

    def run(self, *command, **options):
        return self.host.run(*self.prefix, *command, **options)


def processors_for(placement):
    """The processors of client and server; None: wherever the kernel puts them."""
    usable = sorted(os.sched_getaffinity(0))
    return {"any": (None, None), "together": (usable[0], usable[0]),
            "apart": (usable[0], usable[-1])}[placement]


class Bench:
    """Makes one run of one measurement, in a laboratory of its own."""

    def __init__(self, settings, directory):
        self.settings = settings
        self.directory = pathlib.Path(directory)
        self.load = settings.build / "ftun-load"
        self.numbers = itertools.count()

    def throughput(self, tunnel, place, mode, rate=None):
        """Send at full speed, or at `rate` bits a second; what was sent and what arrived."""
        with self.prepared(tunnel, place) as hosts:
            return self.send(hosts, place, mode, self.settings.seconds, rate, silent_for=1)

    def no_drop(self, tunnel, place, mode):
        """The highest rate that loses next to nothing; the figures of the run that showed it."""
        seconds = min(self.settings.seconds, STEP_SECONDS)
        with self.prepared(tunnel, place) as hosts:
            fastest = self.send(hosts, place, mode, seconds, None, STEP_SILENCE)
            if fastest["lost_percent"] < LOST_PERCENT_MOST:
                return fastest
            best = {**fastest, "gbit_per_second": 0.0}

            def passes(rate):
                nonlocal best
                figures = self.send(hosts, place, mode, seconds, rate, STEP_SILENCE)
                if figures["lost_percent"] < LOST_PERCENT_MOST:
                    best = figures
                return best is figures

            highest_rate(passes, 1e9 * fastest["send"]["gbit_per_second"])
            return best

    def send(self, hosts, place, mode, seconds, rate, silent_for):
        client, server, send_to, listen_at = hosts
        command = [self.load, "send", "--mode", mode, "--size", place.size, "--flows", place.flows,
                   "--seconds", seconds, "--warm-up", WARM_UP_SECONDS]
        if rate is not None:
            command += ["--rate", f"{rate / 1e6:.3f}M"]
        sink = self.start_sink(server, listen_at, "--silent-for", silent_for,
                               "--seconds", seconds + 10)
        done = client.run(*command, "--to", send_to, timeout=seconds + 90)
        sent = json.loads(done.stdout)
        return throughput_figures(sent, self.sink_result(sink))

    def echo(self, tunnel, place):
        """The times of single datagrams to the far end and back."""
        count = 1000 if self.settings.seconds <= 1 else 10000
        with self.prepared(tunnel, place) as (client, server, send_to, listen_at):
            self.start_sink(server, listen_at, "--echo", "--seconds", 60)
            done = client.run(self.load, "echo", "--to", send_to, "--size", place.size,
                              "--count", count, "--warm-up", WARM_UP_SECONDS, timeout=120)
            return json.loads(done.stdout)

    def prepared(self, tunnel, place):
        return Preparation(self.directory / f"{next(self.numbers):03d}", tunnel, place, self.load)

    def start_sink(self, server, listen_at, *arguments):
        sink = server.start(self.load, "sink", "--listen", listen_at, *arguments)
        sink.wait_for("listening on")
        return sink

    @staticmethod
    def sink_result(sink):
        """What the sink says when it has heard nothing for a while, or is told to end."""
        pattern = r'\{"command": "sink".*\}'
        try:
            return json.loads(sink.wait_for(pattern, timeout=4)[0])
        except lab.LabError:
            sink.stop()
            return json.loads(sink.wait_for(pattern, timeout=1)[0])


class Preparation:
    """Two joined hosts with a tunnel between them, for the time of a `with` block."""

    def __init__(self, directory, tunnel, place, load):
        self.laboratory = lab.Lab(directory)
        self.load = load
        self.tunnel = tunnel
        self.place = place

    def __enter__(self):
        try:
            client, server = map(self.laboratory.host, ("client", "server"))
            self.laboratory.link(client, server, ("wire0", "wire0"),
                                 (("10.77.0.1/24", "10.77.0.2/24"), ("fd77::1/64", "fd77::2/64")),
                                 offload=self.place.wire == "offload")
            placed = list(map(PlacedHost, (client, server), processors_for(self.place.processors)))
            self.tunnel.start(*placed, self.load)
            return *placed, self.tunnel.send_to, self.tunnel.listen_at
        except BaseException:
            self.laboratory.close()
            raise

    def __exit__(self, _kind, failure, _trace):
        logs = self.last_words() if isinstance(failure, lab.LabError) else ""
        self.laboratory.close()
        if logs:
            raise lab.LabError(f"{failure}\n{logs}") from failure

    def last_words(self):
        """The ends of what all programs printed, for whoever must find out what went wrong."""
        return "\n".join(f"{process.log_path.name}: {line}"
                         for process in self.laboratory.processes
                         for line in process.log().splitlines()[-5:])


def throughput_figures(sent, sink):
    """The figures of one run, with the raw results they come from."""
    arrived = sink["datagrams"] - sink["duplicated"]
    gigabytes = sink["bytes"] / 1e9
    return {
        "gbit_per_second": sink["gbit_per_second"],
        "lost_percent": percent(sent["datagrams"] - arrived, sent["datagrams"]),
        "reordered_percent": percent(sink["reordered"], arrived),
        "corrupted": sink["corrupted"],
        "duplicated": sink["duplicated"],
        "cpu_seconds_per_gb": sent["machine_busy_seconds"] / gigabytes if gigabytes else None,
        "send": sent,
        "sink": sink,
    }


def percent(part, whole):
    return 100 * max(part, 0) / whole if whole else 0.0
