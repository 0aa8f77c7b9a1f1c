"""Network laboratories: namespaces, links, firewalls and processes that vanish together.

Used by tests/e2e, tools/demo and tools/bench. Everything a lab makes carries a name of its own
(process id and a counter), so that two runs never collide, and is removed when the lab closes,
whether the run succeeded, failed or was interrupted.
"""

import atexit
import contextlib
import itertools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

_counter = itertools.count()

# Seconds until what should end, or come, passes for hanging. A wait that succeeds costs no more than
# it takes, and a machine that others use too may take long.
PATIENCE = 90.0


class LabError(RuntimeError):
    """A command of the laboratory failed; the text carries the command and what it printed."""


def run(*command, timeout=PATIENCE, check=True, **options):
    """Run a command to its end; stdout and stderr as text. Raises LabError when it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, check=False, **options)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Process:
    """A program running in the background, its output in a file that can be waited on."""

    def __init__(self, command, log_path, environment=None):
        self.command = command
        self.log_path = pathlib.Path(log_path)
        self.suspended = False
        with open(self.log_path, "wb") as log:
            self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=subprocess.STDOUT, env=environment)

    @property
    def pid(self):
        return self.popen.pid

    def log(self):
        return self.log_path.read_text(errors="replace")

    def running(self):
        return self.popen.poll() is None

    def wait_for(self, pattern, timeout=PATIENCE):
        """Wait until the output matches `pattern`; returns the match."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            alive = self.running()
            found = re.search(pattern, self.log())
            if found:
                return found
            if not alive:
                break
            time.sleep(0.01)
        raise LabError(f"{' '.join(self.command)}: no {pattern!r} in its output:\n{self.log()}")

    def wait(self, timeout=PATIENCE):
        return self.popen.wait(timeout)

    def send_signal(self, number):
        if number in (signal.SIGSTOP, signal.SIGCONT):
            self.suspended = number == signal.SIGSTOP
        if self.running():
            self.popen.send_signal(number)

    def stop(self, number=signal.SIGTERM, timeout=PATIENCE):
        """Ask it to end, insist after `timeout` seconds; returns its exit status."""
        self.send_signal(number)
        if self.suspended:
            self.send_signal(signal.SIGCONT)
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait(timeout)


class Host:
    """One network namespace, seen as a host."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.netns = f"{lab.prefix}{name}"
        self.etc_directory = pathlib.Path("/etc/netns") / self.netns  # as ip-netns(8) has it
        lab.hosts.append(self)  # before it exists: an interrupt from here on must remove it
        run("ip", "netns", "add", self.netns)
        self.ip("link", "set", "lo", "up")

    def command(self, *command):
        return ("ip", "netns", "exec", self.netns, *map(str, command))

    def run(self, *command, **options):
        return run(*self.command(*command), **options)

    def start(self, *command, environment=None):
        """Start a program in the background; it is ended with the lab at the latest."""
        log = self.lab.directory / f"{next(_counter):03d}-{self.name}-{pathlib.Path(command[0]).name}.log"
        process = Process(self.command(*command), log, environment)
        self.lab.processes.append(process)
        return process

    def ip(self, *arguments):
        return run("ip", "-n", self.netns, *map(str, arguments))

    def wait_for_carrier(self, device, timeout=PATIENCE):
        """Wait until a device that was set up is operational."""
        end = time.monotonic() + timeout
        while " state UP " not in self.ip("-o", "link", "show", "dev", device).stdout:
            if time.monotonic() > end:
                raise LabError(f"{self.name}: {device} does not come up")
            time.sleep(0.005)

    def nft(self, ruleset):
        """Load an nftables ruleset given as text."""
        path = self.lab.directory / f"{next(_counter):03d}-{self.name}.nft"
        path.write_text(ruleset)
        return self.run("nft", "-f", path)

    def etc(self, name, text):
        """Give the host a file of its own in /etc, for programs started from now on; those that have
        it already see the new text."""
        self.etc_directory.mkdir(parents=True, exist_ok=True)
        with open(self.etc_directory / name, "w", encoding="utf-8") as file:  # the same inode
            file.write(text)

    def names(self, **addresses):
        """The names that this host knows, and no others: name = (address, ...)."""
        self.etc("nsswitch.conf", "hosts: files\n")
        self.etc("hosts", "".join(f"{address} {name}\n" for name, known in addresses.items()
                                  for address in known))

    def sysctl(self, name, value=None):
        """Read a sysctl, or write it when a value is given. Dots in `name` separate its parts."""
        path = "/proc/sys/" + name.replace(".", "/")
        if value is None:
            return self.run("cat", path).stdout.strip()
        self.run("sh", "-c", f"echo {value} > {path}")
        return value


class Lab(contextlib.AbstractContextManager):
    """Hosts and links that live until the `with` block ends.

    `directory` takes logs and captures, and stays; everything in the kernel goes.
    """

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.prefix = f"ft{os.getpid()}n{next(_counter)}-"
        self.hosts = []
        self.processes = []
        atexit.register(self.close)

    def __exit__(self, *_):
        self.close()

    def close(self):
        atexit.unregister(self.close)
        for process in reversed(self.processes):
            process.stop()
        self.processes.clear()
        for host in self.hosts:
            run("ip", "netns", "del", host.netns, check=False)
            shutil.rmtree(host.etc_directory, ignore_errors=True)
            with contextlib.suppress(OSError):  # others may have theirs in there
                host.etc_directory.parent.rmdir()
        self.hosts.clear()

    def host(self, name):
        return Host(self, name)

    def link(self, left, right, names, addresses, mtu=1500, offload=False):
        """Join two hosts by a veth pair.

        names: (device at left, device at right); addresses: ((left, right), ...) as "10.0.0.1/24".
        offload=False makes the wire carry packets of at most `mtu` bytes, as a cable would;
        offload=True lets super-segments cross, as between a host and a NIC that segments.
        """
        left.ip("link", "add", names[0], "mtu", mtu, "type", "veth",
                "peer", "name", names[1], "mtu", mtu, "netns", right.netns)
        for side, (host, device) in enumerate(zip((left, right), names)):
            if not offload:
                host.run("ethtool", "-K", device, "tso", "off", "gso", "off",
                         "tx-udp-segmentation", "off")
            host.run("ethtool", "-K", device, "gro", "on")
            for pair in addresses:
                nodad = ("nodad",) if ":" in pair[side] else ()
                host.ip("addr", "add", pair[side], "dev", device, *nodad)
            host.ip("link", "set", device, "up")
        # The kernel notices a carrier a little later. An IPv6 neighbour solicitation sent before is
        # lost, and repeated only after a second.
        for host, device in zip((left, right), names):
            host.wait_for_carrier(device)


def end_on_signals():
    """Turn SIGTERM and SIGHUP into SystemExit, so that labs are cleaned up on their way out."""
    def leave(number, _frame):
        raise SystemExit(128 + number)
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
