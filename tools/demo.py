"""The demonstration behind tools/demo: WireGuard over ftun, through a router that drops UDP."""

import argparse
import atexit
import contextlib
import fcntl
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools/lab"))
import lab as laboratory  # noqa: E402

FTUN = ROOT / "build/ftun"
MARK = "ftun-demo-"

CLIENT, ROUTER_LAN = "192.168.1.2", "192.168.1.1"
SERVER, ROUTER_WAN = "198.51.100.2", "198.51.100.1"
WG_CLIENT, WG_SERVER = "10.99.0.1", "10.99.0.2"
WG_MTU = 1420  # what wg-quick sets
WG_PORT, FTUN_PORT, LOCAL_PORT = 51820, 4567, 1234
PLAIN_PORT, PLAIN_FTUN_PORT = 5201, 4568
UDP_RATE = "300M"
SILENCE = 3  # seconds without an answer after which the demo believes that none will come

PICTURE = f"""
      client                    router                     server
  +-------------+         +---------------+         +------------------+
  |             |   lan   |  masquerades  |   wan   |                  |
  | {CLIENT} +---------+ drops all UDP +---------+ {SERVER}     |
  | wireguard   |         | drops invalid |         | wireguard :{WG_PORT} |
  +-------------+         +---------------+         +------------------+"""

ROUTER_RULES = """
table inet router {
    counter udp_dropped { }
    counter invalid_dropped { }
    chain forward {
        type filter hook forward priority filter; policy accept;
        ct state invalid counter name invalid_dropped drop
        meta l4proto udp counter name udp_dropped drop
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        oifname "wan" masquerade
    }
}
"""

# iperf3 speaks TCP beside its UDP, to the same address: send that part to the server directly.
CONTROL_RULES = f"""
table ip control {{
    chain output {{
        type nat hook output priority -100; policy accept;
        ip daddr {CLIENT} tcp dport {PLAIN_PORT} dnat to {SERVER}
    }}
}}
"""

UDP_ECHO = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", int(sys.argv[1])))
print("ready", flush=True)
while True:
    s.sendto(*s.recvfrom(65535))
"""

UDP_PING = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], int(sys.argv[2])))
for i in range(10):
    s.send(b"datagram %d" % i)
    time.sleep(0.02)
answers, end = set(), time.monotonic() + float(sys.argv[3])
while len(answers) < 10 and time.monotonic() < end:
    s.settimeout(max(0.01, end - time.monotonic()))
    try:
        answers.add(s.recv(100))
    except OSError:
        pass
print(len(answers))
"""


class Failed(Exception):
    """The demonstration did not work; the text says what, and where to look."""


class Report:
    """What the reader sees while it happens."""

    def __init__(self, quiet):
        self.quiet = quiet
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colour else text

    def text(self, text=""):
        if not self.quiet:
            print(text, flush=True)

    def heading(self, text):
        self.text("\n" + self.paint("1", text))

    def typed(self, host, command):
        self.text(f"  {self.paint('36', host + '#')} {command}")

    def result(self, what, outcome, good=None):
        code = {None: "0", True: "32", False: "31"}[good]
        self.text(f"    {what:<29} {self.paint(code, outcome)}")


def main():
    options = parse_arguments()
    if options.clean:
        return clean()
    laboratory.end_on_signals()
    report = Report(options.json)
    output = options.output or pathlib.Path(tempfile.mkdtemp(prefix="ftun-demo-"))
    try:
        output.mkdir(parents=True, exist_ok=True)
        build(report, output / "build.log")
        with stage(output, options.keep) as lab:
            figures = demonstrate(lab, report, options.seconds, options.attach)
            if options.keep:
                figures["namespaces"] = [host.netns for host in lab.hosts]
                explain_keep(lab, report)
    except (Failed, laboratory.LabError, subprocess.SubprocessError, OSError) as error:
        print(f"demo: FAILED: {error} (logs: {output})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; everything is removed", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps(figures, indent=2))
    return 0


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="demo", add_help=False, allow_abbrev=False,
        usage="tools/demo [--seconds N] [--attach HOW] [--output DIR] [--json] [--keep]"
              " | --clean | --help")
    parser.add_argument("--seconds", type=duration, default=3)
    parser.add_argument("--attach", choices=("auto", "divert", "nat"), default="auto")
    parser.add_argument("--output", type=lambda text: pathlib.Path(text).resolve())
    for flag in ("--json", "--keep", "--clean"):
        parser.add_argument(flag, action="store_true")
    return parser.parse_args()


def duration(text):
    if not text.isdecimal() or not 1 <= int(text) <= 60:
        raise argparse.ArgumentTypeError("a number from 1 to 60, please")
    return int(text)


# ---- the stage: what is made, and how it goes away again


def build(report, log_path):
    command = "cmake --preset default && cmake --build --preset default"
    report.text(f"building ftun: {command}")
    # Two demos at once must not build in one directory at once.
    with open(ROOT / "CMakePresets.json", "rb") as lock, open(log_path, "wb") as log:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(["sh", "-c", command], cwd=ROOT, stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, start_new_session=True)
        try:
            status = process.wait(timeout=600)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
    if status != 0:
        sys.stderr.write(log_path.read_text(errors="replace"))
        raise Failed(f"the build, see {log_path.name}")


@contextlib.contextmanager
def stage(output, keep):
    """An empty laboratory that is removed afterwards, unless it worked and is to be kept.

    A file in /run tells --clean what there is; its lock tells it that the demo is still at work.
    """
    lab = laboratory.Lab(output)
    path = pathlib.Path("/run", MARK + lab.prefix)
    with open(path, "w", encoding="ascii") as state:
        fcntl.flock(state, fcntl.LOCK_EX)
        done = False
        try:
            yield lab
            done = True
        finally:
            # From here on an impatient second Ctrl-C must not leave half of it behind.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            if done and keep:
                atexit.unregister(lab.close)
            else:
                lab.close()
                path.unlink()
                remove_wireguard_sockets(lab.prefix)


def wireguard_name(prefix, host):
    # wireguard-go's sockets are named after the interface and seen by all namespaces.
    return "wg" + prefix[2:-1] + host[0]


def remove_wireguard_sockets(prefix):
    for host in ("client", "server"):
        socket = pathlib.Path("/run/wireguard", wireguard_name(prefix, host) + ".sock")
        socket.unlink(missing_ok=True)


def clean():
    """Remove what kept or killed demos left behind; demos at work are left alone."""
    marks = sorted(pathlib.Path("/run").glob(f"{MARK}*"))
    for path in marks:
        prefix = path.name.removeprefix(MARK)
        with open(path, encoding="ascii") as state:
            try:
                fcntl.flock(state, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"{prefix}* belongs to a demo that is running, and stays")
                continue
            remove_namespaces(prefix)
            remove_wireguard_sockets(prefix)
            path.unlink()
            print(f"removed {prefix}*")
    if not marks:
        print("nothing to remove")
    return 0


def remove_namespaces(prefix):
    names = [line.split()[0] for line in laboratory.run("ip", "netns").stdout.splitlines()]
    names = [name for name in names if name.startswith(prefix)]
    for number, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        for pid in processes_in(names):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        end = time.monotonic() + patience
        while processes_in(names) and time.monotonic() < end:
            time.sleep(0.05)
    for name in names:
        laboratory.run("ip", "netns", "del", name)


def processes_in(names):
    return [int(pid) for name in names
            for pid in laboratory.run("ip", "netns", "pids", name).stdout.split()]


# ---- the story


def demonstrate(lab, report, seconds, attach):
    """Tell the story; the figures it measures are returned by chapter."""
    report.text(PICTURE)
    client, router, server = make_network(lab)
    capture = start_capture(router)
    wireguard = start_wireguard(lab, client, server)
    echo = server.start("python3", "-c", UDP_ECHO, PLAIN_PORT)
    echo.wait_for("ready")
    figures = {}

    report.heading("Without ftun")
    figures["without_ftun"] = show_that_udp_dies(report, client, router, wireguard)

    report.heading("WireGuard over ftun")
    report.text("  wireguard --udp--> ftun ==tcp==> router ==tcp==> ftun --udp--> wireguard")
    mtu, figures["attached"] = start_ftun(report, client, server, f"127.0.0.1:{LOCAL_PORT}",
                                          FTUN_PORT, f"127.0.0.1:{WG_PORT}", attach)
    for name, how in figures["attached"].items():
        report.result(f"{name} attached by", how)
    figures["wireguard"] = show_wireguard(report, client, server, wireguard, mtu, seconds)

    report.heading("Any UDP over ftun, without WireGuard")
    start_ftun(report, client, server, f"{CLIENT}:{PLAIN_PORT}", PLAIN_FTUN_PORT,
               f"{SERVER}:{PLAIN_PORT}", attach)
    figures["udp"] = show_plain_udp(report, client, echo, seconds)

    report.heading("What the router saw")
    figures["router"] = show_router(report, router, figures["without_ftun"]["udp_dropped"])
    figures["capture"] = show_capture(report, capture)
    return figures


def make_network(lab):
    client, router, server = (lab.host(name) for name in ("client", "router", "server"))
    lab.link(client, router, ("lan", "lan"), [(f"{CLIENT}/24", f"{ROUTER_LAN}/24")])
    lab.link(router, server, ("wan", "wan"), [(f"{ROUTER_WAN}/24", f"{SERVER}/24")])
    client.ip("route", "add", "default", "via", ROUTER_LAN)
    router.sysctl("net.ipv4.ip_forward", 1)
    router.nft(ROUTER_RULES)
    # A strict judge: segments outside the connection's window are invalid too.
    router.sysctl("net.netfilter.nf_conntrack_tcp_be_liberal", 0)
    client.nft(CONTROL_RULES)
    return client, router, server


def start_capture(router):
    """Record the first packets on the router's outer side, in a file that stays small."""
    path = router.lab.directory / "wire.pcap"
    tcpdump = router.start("tcpdump", "-i", "wan", "-s", 128, "-c", 2000, "-U", "-Z", "root",
                           "-w", path, f"udp or tcp port {FTUN_PORT}")
    tcpdump.wait_for("listening on")
    return path


class WireGuard:
    """The client's end of the WireGuard tunnel."""

    def __init__(self, host, private_key, server_key):
        self.host = host
        self.name = wireguard_name(host.lab.prefix, host.name)
        self.settings = (f"[Interface]\nPrivateKey = {private_key}\n\n[Peer]\n"
                         f"PublicKey = {server_key}\nAllowedIPs = {WG_SERVER}/32\n")

    def set_endpoint(self, endpoint):
        # setconf makes the peer anew: its next handshake does not wait for the last one's timer.
        configure_wireguard(self.host, f"{self.settings}Endpoint = {endpoint}\n")

    def handshake(self, timeout):
        """Provoke a handshake; its duration in seconds, or None when there is none in time."""
        start = time.monotonic()
        self.host.start("ping", "-c", 1, "-W", timeout, WG_SERVER)
        while time.monotonic() < start + timeout:
            shown = self.host.run("wg", "show", self.name, "latest-handshakes").stdout
            if int(shown.split()[-1]) > 0:
                return time.monotonic() - start
            time.sleep(0.01)
        return None


def start_wireguard(lab, client, server):
    for host, address, peer in ((client, WG_CLIENT, WG_SERVER), (server, WG_SERVER, WG_CLIENT)):
        name = wireguard_name(lab.prefix, host.name)
        daemon = host.start("wireguard-go", "-f", name)
        wait_for_wireguard(host, name, daemon)
        host.ip("addr", "add", address, "peer", peer, "dev", name)
        host.ip("link", "set", name, "up")
    client_key, server_key = (laboratory.run("wg", "genkey").stdout.strip() for _ in range(2))
    configure_wireguard(server, f"[Interface]\nPrivateKey = {server_key}\n"
                                f"ListenPort = {WG_PORT}\n\n[Peer]\n"
                                f"PublicKey = {public_key(client_key)}\n"
                                f"AllowedIPs = {WG_CLIENT}/32\n")
    return WireGuard(client, client_key, public_key(server_key))


def wait_for_wireguard(host, name, daemon):
    end = time.monotonic() + 10
    while host.run("wg", "show", name, check=False).returncode != 0:
        if time.monotonic() > end or not daemon.running():
            raise Failed(f"wireguard-go does not start, see {daemon.log_path.name}")
        time.sleep(0.02)


def public_key(private_key):
    return subprocess.run(("wg", "pubkey"), input=private_key, capture_output=True, text=True,
                          timeout=10, check=True).stdout.strip()


def configure_wireguard(host, settings):
    path = host.lab.directory / f"wireguard-{host.name}.conf"
    path.touch(mode=0o600)
    path.write_text(settings, encoding="ascii")
    host.run("wg", "setconf", wireguard_name(host.lab.prefix, host.name), path)


def show_that_udp_dies(report, client, router, wireguard):
    answered = udp_ping(client, SERVER)
    report.result("UDP, 10 datagrams", f"{answered} answered", answered > 0)
    wireguard.set_endpoint(f"{SERVER}:{WG_PORT}")
    handshake = wireguard.handshake(SILENCE)
    report.result("WireGuard", f"no handshake in {SILENCE} s" if handshake is None
                  else "handshake", handshake is not None)
    dropped = counter(router, "udp_dropped")
    report.result("router", f"dropped {dropped} UDP packets")
    if answered or handshake is not None or not dropped:
        raise Failed("UDP passes the router although it should drop it")
    return {"udp_sent": 10, "udp_answered": answered, "wireguard_handshake": False,
            "udp_dropped": dropped}


def udp_ping(client, address):
    """How many of ten datagrams the echo server answers."""
    return int(client.run("python3", "-c", UDP_PING, address, PLAIN_PORT, SILENCE).stdout)


def start_ftun(report, client, server, local, port, remote, attach):
    """Start both ends; returns the MTU that the client's log recommends for WireGuard, and how each
    end is attached to its host."""
    attached = {}
    for host, arguments in (
            (server, ("server", "--local", str(port), "--remote", remote)),
            (client, ("client", "--local", local, "--remote", f"{SERVER}:{port}"))):
        if attach != "auto":
            arguments += ("--attach", attach)
        report.typed(host.name, f"ftun {' '.join(arguments)}")
        ftun = host.start(FTUN, *arguments)
        try:
            ftun.wait_for("listening on")
        except laboratory.LabError as error:
            raise Failed(f"ftun {arguments[0]} does not start, see {ftun.log_path.name}") from error
        attached[host.name] = re.search(r"attached by (.+)", ftun.log()).group(1)
    return int(re.search(r"MTU (\d+)", ftun.log()).group(1)), attached


def show_wireguard(report, client, server, wireguard, most_mtu, seconds):
    endpoint = f"127.0.0.1:{LOCAL_PORT}"
    report.typed("client", f"wg set wg0 peer ... endpoint {endpoint}")
    mtu = min(WG_MTU, most_mtu)
    for host in client, server:
        host.ip("link", "set", wireguard_name(host.lab.prefix, host.name), "mtu", mtu)
    report.result("WireGuard's MTU", f"{mtu} (ftun's log: at most {most_mtu})")
    wireguard.set_endpoint(endpoint)
    handshake = wireguard.handshake(10)
    if handshake is None:
        raise Failed("no WireGuard handshake over ftun in 10 s")
    report.result("WireGuard", f"handshake after {handshake * 1000:.0f} ms", True)
    answered, rtt = ping(client)
    report.result("ping, 20 packets", f"{answered} answered, {rtt} ms on average", answered == 20)
    if answered != 20:
        raise Failed(f"{20 - answered} of 20 pings through WireGuard over ftun")
    server.start("iperf3", "-s", "-p", PLAIN_PORT, "--forceflush").wait_for("Server listening")
    forth = show_tcp(report, client, seconds, "client to server")
    back = show_tcp(report, client, seconds, "server to client", "-R")
    return {"handshake_seconds": handshake, "ping_sent": 20, "ping_answered": answered,
            "ping_ms": rtt, "tcp_to_server_bits_per_second": forth,
            "tcp_to_client_bits_per_second": back}


def show_tcp(report, client, seconds, direction, *arguments):
    speed = iperf(client, WG_SERVER, seconds, *arguments)["sum_received"]["bits_per_second"]
    report.result(f"iperf3 TCP, {direction}", mbit(speed), speed > 1e6)
    if speed < 1e6:
        raise Failed(f"no flow of TCP through WireGuard over ftun, {direction}: {mbit(speed)}")
    return speed


def show_plain_udp(report, client, echo, seconds):
    answered = udp_ping(client, CLIENT)
    report.result("UDP, 10 datagrams", f"{answered} answered", answered > 0)
    if not answered:
        raise Failed("no datagram was answered over ftun")
    echo.stop()  # iperf3 wants the port now
    sums = iperf(client, CLIENT, seconds, "-u", "-l", 1400, "-b", UDP_RATE)
    # Not iperf3's own lost_percent: that is 0 when nothing at all arrives.
    speed = sums["sum_received"]["bits_per_second"]
    lost = 100 * (1 - sums["sum_received"]["bytes"] / sums["sum_sent"]["bytes"])
    report.result(f"iperf3 -u -b {UDP_RATE}", f"{mbit(speed)} arrived, {lost:.2g} % lost",
                  speed > 1e6)
    report.text("    (the TCP connection by which iperf3 controls its server goes beside ftun)")
    if speed < 1e6:
        raise Failed(f"no flow of UDP over ftun: {mbit(speed)}")
    return {"udp_sent": 10, "udp_answered": answered, "udp_offered": UDP_RATE,
            "udp_bits_per_second": speed, "udp_lost_percent": lost}


def ping(client):
    """Answers to 20 pings, and their average round trip in ms."""
    text = client.run("ping", "-q", "-c", 20, "-i", 0.05, "-W", 1, WG_SERVER, check=False).stdout
    answered = int(re.search(r"(\d+) received", text).group(1))
    average = re.search(r"= [\d.]+/([\d.]+)/", text)
    return answered, float(average.group(1)) if average else None


def iperf(client, address, seconds, *arguments):
    """Run iperf3 from the client; the sums of its report."""
    done = client.run("iperf3", "-J", "-c", address, "-p", PLAIN_PORT, "-t", seconds,
                      "--connect-timeout", 5000, *arguments, check=False, timeout=seconds + 20)
    report = json.loads(done.stdout or "{}")
    if done.returncode != 0 or "error" in report:
        raise Failed(f"iperf3 to {address}: {report.get('error', done.stderr)}")
    return report["end"]


def mbit(bits_per_second):
    return f"{bits_per_second / 1e6:.0f} Mbit/s"


def counter(router, name):
    listing = json.loads(router.run("nft", "-j", "list", "counter", "inet", "router", name).stdout)
    return next(item["counter"]["packets"] for item in listing["nftables"] if "counter" in item)


def show_router(report, router, udp_before):
    udp, invalid = counter(router, "udp_dropped"), counter(router, "invalid_dropped")
    report.result("UDP packets dropped", f"{udp}, of these {udp - udp_before} since ftun runs")
    report.result("invalid packets dropped", str(invalid), invalid == 0)
    entry = router.run("conntrack", "-L", "-p", "tcp", "--dport", FTUN_PORT).stdout
    for line in entry.splitlines():
        # Its two directions: as the client sent, and as the masqueraded answer is expected.
        report.text("    conntrack: " + " ".join(line.split()).replace(" src", "\n      src"))
    if invalid:
        raise Failed(f"conntrack called {invalid} packets of ftun's connections invalid")
    if not re.search(r"ESTABLISHED.*\[ASSURED\]", entry):
        raise Failed("conntrack shows no established TCP connection")
    return {"udp_dropped": udp, "invalid_dropped": invalid, "conntrack": entry.strip()}


def show_capture(report, path):
    report.text("    the wire, on the router's outer side:")
    listing = laboratory.run("tcpdump", "-n", "-t", "-c", "6", "-r", str(path)).stdout
    for line in listing.splitlines():
        report.text("      " + line.removeprefix("IP "))
    if "Flags [S.]" not in listing:
        raise Failed(f"no TCP handshake on the wire, see {path.name}")
    report.text(f"\nThe capture is {path}, logs are beside it.")
    return str(path)


def explain_keep(lab, report):
    client, router, _ = (host.netns for host in lab.hosts)
    report.heading("Everything stays up. To look around:")
    for command in (f"ip netns exec {client} ping {WG_SERVER}",
                    f"ip netns exec {client} wg show",
                    f"ip netns exec {client} nft list ruleset",
                    f"ip netns exec {router} conntrack -L -p tcp",
                    f"ip netns exec {router} nft list counters",
                    f"ip netns exec {router} tcpdump -ni wan"):
        report.text(f"    {command}")
    report.text(f"To remove everything:\n    {ROOT}/tools/demo --clean")


if __name__ == "__main__":
    sys.exit(main())
