"""What a running ftun tells of itself: its counters, and what the kernel knows of its memory."""

import pathlib
import re
import signal
import time

from tun import PATIENCE

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Counters:
    """What ftun logs of itself on SIGUSR1."""

    REFUSALS = set(re.findall(r'X\(\w+,\s*"([a-z-]+)"',
                              (ROOT / "src" / "core" / "refusal.h").read_text())) - {"none"}

    def __init__(self, ftun):
        self.ftun = ftun

    def read(self):
        """All counters by name. Asked for twice, as the second answer's beginning tells that the
        first has ended."""
        seen = len(self.ftun.log())
        firsts = 0
        for wanted in (1, 2):
            self.ftun.send_signal(signal.SIGUSR1)
            end = time.monotonic() + PATIENCE
            while firsts < wanted:
                assert time.monotonic() < end and self.ftun.running(), self.ftun.log()[-2000:]
                time.sleep(0.002)
                totals = re.findall(r"total (\S+): (\d+)", self.ftun.log()[seen:])
                firsts = sum(name == totals[0][0] for name, _ in totals)
        names = [name for name, _ in totals]
        last = names.index(names[0], 1)
        return {name: int(count) for name, count in totals[:last]}

    def refusals(self, counts, but=()):
        """Those of the counts that are of refusals."""
        return {name: count for name, count in counts.items()
                if name in self.REFUSALS and name not in but}


def growth(before, after):
    """What has been counted in between."""
    return {name: count - before.get(name, 0) for name, count in after.items()
            if count != before.get(name, 0)}


def resident(process):
    """Kilobytes of memory that a process has in RAM."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])
