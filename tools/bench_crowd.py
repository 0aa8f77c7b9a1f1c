"""Many flows beside one in bulk: how fast they open, what they cost, what they leave of it.

    client 10.77.0.1, 10.78.0.1, ... ──────── 10.77.0.2, 10.78.0.2, ... server

One ftun client, one ftun server. The crowd is one socket with many source addresses out of 127/8
(ftun-load crowd), as the server's flows share one towards the sink. The client has a TCP port for
each flow: 14,080 towards each of its server's addresses, of which the server so has enough. Each is
in a network of its own, as at the server, where NAT leads all its addresses to ftun's one, conntrack
tells 64,512 connections of one client's address apart.
"""

import json
import os
import re
import time

PORTS = 14080  # of the 28,232 in Linux's ip_local_port_range ftun's clients take half at most
FILLED = 0.9   # a port is found by chance: the last ones take many draws
ECHOED = 200   # bytes: the crowd's datagrams come back, those in bulk do not
CROWD_SIZE = 64


def kilobytes(process, field):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return int(re.search(rf"{field}:\s+(\d+) kB", status.read())[1])


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def processor_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Crowd:
    """A tunnel between two hosts of a lab, and the crowd that goes through it."""

    def __init__(self, lab, build, flows, workers, options=()):
        self.used = False
        self.build, self.flows, self.workers = build, flows, workers
        self.load = build / "ftun-load"
        self.client, self.server = lab.host("client"), lab.host("server")
        nets = [f"10.{77 + i}.0" for i in range(int(flows / (PORTS * FILLED)) + 1)]
        lab.link(self.client, self.server, ("eth0", "eth0"),
                 [(f"{net}.1/24", f"{net}.2/24") for net in nets])
        self.client.names(server=[f"{net}.2" for net in nets])
        self.sink = self.started(self.server, self.load, "sink", "--listen", "127.0.0.1:5001",
                                 "--echo", "--echo-up-to", ECHOED)
        self.tunnels = {
            "server": self.start_end(self.server, flows, "server", "--local", "4567", "--remote",
                                     "127.0.0.1:5001", *options),
            "client": self.start_end(self.client, flows, "client", "--local", "127.0.0.1:5000",
                                     "--remote", "server:4567"),
        }

    @staticmethod
    def started(host, *command):
        process = host.start(*command)
        process.wait_for("listening on")
        return process

    def start_end(self, host, flows, *arguments):
        """With room for flows in bulk, and for handshakes tried beside others."""
        return self.started(host, self.build / "ftun", *arguments, "--max-flows", 2 * flows + 8,
                            "--workers", self.workers)

    def bulk(self, seconds):
        """One flow as fast as it goes, datagram by datagram; Gbit/s that the sink has had of it."""
        before = self.delivered() if self.used else 0
        self.used = True
        done = json.loads(self.client.run(self.load, "send", "--to", "127.0.0.1:5000", "--seconds",
                                          seconds, "--warm-up", 0.3, timeout=seconds + 90).stdout)
        time.sleep(0.1)
        return 8e-9 * (self.delivered() - before) / (done["seconds"] + 0.3)

    def delivered(self):
        """Bytes that applications of the server have had."""
        server = self.tunnels["server"]
        before = server.log().count("total bytes-delivered")
        server.send_signal(10)  # SIGUSR1: log all counters
        server.wait_for("(?s)" + "total bytes-delivered: .*" * (before + 1) + "\n")
        return int(re.findall(r"total bytes-delivered: (\d+)", server.log())[-1])

    def open(self, open_rate, rate, seconds):
        """Start the crowd; returns when its flows are open."""
        crowd = self.client.start(self.load, "crowd", "--to", "127.0.0.1:5000", "--flows",
                                  self.flows, "--open-rate", open_rate, "--rate", rate,
                                  "--seconds", seconds, "--size", CROWD_SIZE)
        crowd.wait_for("flows are open", timeout=90 + 10 * self.flows / open_rate)
        return crowd

    def close(self, end):
        """SIGTERM to one end; what it says at last."""
        process = self.tunnels[end]
        start = time.monotonic()
        process.stop()
        return {"seconds": time.monotonic() - start,
                "closed": int((re.findall(r"total flows-closed: (\d+)", process.log()) or [0])[-1])}


def memory_of_one(lab_module, directory, build, workers):
    """What each end takes that has room for one flow: kB."""
    with lab_module.Lab(directory) as lab:
        crowd = Crowd(lab, build, 1, workers)
        crowd.bulk(0.3)  # all buffers have been used, as later
        crowd.open(100, 100, 0.1).wait()
        return {end: kilobytes(process, "VmRSS") for end, process in crowd.tunnels.items()}


def measure(lab_module, directory, build, flows, seconds=2.0, open_rate=5000, rate=None,
            workers=1, options=()):
    """One run; the figures as a dictionary. `lab_module` is tools/lab/lab.py, `build` where the
    programs are, `seconds` how long each bulk phase takes. Each flow sends once in 30 s, unless
    `rate`, in datagrams a second over all, says otherwise. `options` are the server's."""
    rate = rate or max(flows / 30, 1)
    alone = memory_of_one(lab_module, directory, build, workers)
    with lab_module.Lab(directory) as lab:
        crowd = Crowd(lab, build, flows, workers, options)
        figures = {"flows": flows, "rate": rate, "open_rate": open_rate,
                   "bulk_alone": crowd.bulk(seconds)}
        spent = {end: processor_seconds(tunnel) for end, tunnel in crowd.tunnels.items()}
        load = crowd.open(open_rate, rate, seconds + 3)
        for end, tunnel in crowd.tunnels.items():
            resident = kilobytes(tunnel, "VmRSS")
            figures[end] = {"rss_kb": resident, "descriptors": descriptors(tunnel),
                            "bytes_per_flow": (resident - alone[end]) * 1024 / flows,
                            "opening_us_per_flow":
                                (processor_seconds(tunnel) - spent[end]) * 1e6 / flows}
        figures["bulk_beside"] = crowd.bulk(seconds)
        load.wait(seconds + 90)
        figures["crowd"] = json.loads(load.log().splitlines()[-1])
        figures["bulk_ratio"] = figures["bulk_beside"] / figures["bulk_alone"]
        figures["conntrack"] = int(crowd.server.sysctl("net.netfilter.nf_conntrack_count"))
        for end in ("client", "server"):
            figures[end]["close"] = crowd.close(end)
        return figures


def table(figures):
    """What measure() has found, as lines of text."""
    crowd = figures["crowd"]
    rows = [
        ("flows open", f"{crowd['opened']} of {figures['flows']}, {crowd['asked_again']} datagrams "
                       "were sent again meanwhile"),
        ("opened per second", f"{crowd['opened_per_second']:.0f} (asked for: "
                              f"{figures['open_rate']})"),
        ("bulk alone", f"{figures['bulk_alone']:.2f} Gbit/s"),
        ("bulk beside the crowd", f"{figures['bulk_beside']:.2f} Gbit/s, "
                                  f"{figures['bulk_ratio']:.0%}"),
        ("crowd, meanwhile", f"{figures['rate']:.0f} datagrams/s; {crowd['lost']} of "
                             f"{crowd['sent']} lost, {crowd['astray']} astray, p50 "
                             f"{crowd['p50_us'] / 1000:.2f} ms, p99 {crowd['p99_us'] / 1000:.2f} ms"),
    ]
    for end in ("client", "server"):
        figure = figures[end]
        rows += [
            (f"{end}: memory", f"{figure['rss_kb'] / 1024:.1f} MB; {figure['bytes_per_flow']:.0f} "
                               "bytes a flow"),
            (f"{end}: descriptors", str(figure["descriptors"])),
            (f"{end}: to open a flow", f"{figure['opening_us_per_flow']:.0f} us of a processor"),
            (f"{end}: to close all", f"{figure['close']['seconds']:.2f} s"),
        ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)
