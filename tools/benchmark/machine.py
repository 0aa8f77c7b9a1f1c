"""What the figures were measured on."""

import datetime
import os
import pathlib
import platform
import re
import time


def busy_part(seconds):
    """How busy all processors are over the next `seconds`, from 0 to 1."""
    def times():
        fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        user, nice, system, idle, iowait, irq, softirq, steal = map(int, fields)
        busy = user + nice + system + irq + softirq
        return busy, busy + idle + iowait + steal

    before = times()
    time.sleep(seconds)
    after = times()
    return (after[0] - before[0]) / max(after[1] - before[1], 1)


def describe_machine():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {
        "cpu": model[1].strip() if model else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "background_load": busy_part(1.0),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
