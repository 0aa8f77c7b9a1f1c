"""One conversation, held twice over the same link: through a TCP connection of the hosts' own kernel,
and as UDP through ftun. What differs between two captures of it is what tells ftun from a kernel.

    hello ─>  <─ hello      bulk: bursts of ten full segments, 2 ms apart      pause
    ping ─>   <─ ping       twenty times, 5 ms apart       pause      the client closes
"""

import ipaddress
import re
import signal
import time

PORT = 4567          # of the server, TCP
BURSTS = 100         # of the bulk part
SEGMENTS = 10        # in each
PINGS = 20

_COMMON = f"""
import random, socket, struct, sys, time
host, segment = sys.argv[1], int(sys.argv[2])
BURSTS, SEGMENTS, PINGS = {BURSTS}, {SEGMENTS}, {PINGS}
noise = random.Random(4)
hello = noise.randbytes(5)
burst = noise.randbytes(segment * SEGMENTS)
ping = noise.randbytes(100)

def read(count, receive):
    data = b""
    while len(data) < count:
        more = receive(count - len(data))
        assert more, "the far end has closed"
        data += more

def speak(send, send_burst, receive):
    send(hello)
    read(len(hello), receive)
    time.sleep(0.1)
    for _ in range(BURSTS):
        send_burst(burst)
        time.sleep(0.002)
    time.sleep(0.1)
    for _ in range(PINGS):
        send(ping)
        read(len(ping), receive)
        time.sleep(0.005)
    time.sleep(0.1)
"""

_TCP_SERVER = _COMMON + f"""
listener = socket.create_server((host, {PORT}),
                                family=socket.AF_INET6 if ":" in host else socket.AF_INET)
print("ready", flush=True)
connection, _ = listener.accept()
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
read(len(hello), connection.recv)
connection.sendall(hello)
read(len(burst) * BURSTS, connection.recv)
while data := connection.recv(65536):
    connection.sendall(data)
connection.close()
"""

_TCP_CLIENT = _COMMON + f"""
connection = socket.create_connection((host, {PORT}))
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
speak(connection.sendall, connection.sendall, connection.recv)
connection.close()
"""

_UDP_SERVER = """
import socket
SO_RCVBUFFORCE = 33
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)  # for the bulk part, whole
server.bind(("127.0.0.1", 5001))
print("ready", flush=True)
while True:
    data, client = server.recvfrom(65536)
    if len(data) <= 100:
        server.sendto(data, client)
"""

_UDP_CLIENT = _COMMON + """
UDP_SEGMENT = 103
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(5)
client.connect(("127.0.0.1", 5000))
cut = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("H", segment))]
said = b""

def send(data):
    global said
    said = data
    client.send(data)

def receive(count):
    while True:
        try:
            return client.recv(count)
        except TimeoutError:
            client.send(said)  # it was lost: not what the kernel does, but it comes to its end

speak(send, lambda data: client.sendmsg([data], cut), receive)
"""

# A flow begins; then the server is kept from reading while more comes than its first window.
_UDP_FLOOD = """
import os, signal, socket, struct, sys, time
UDP_SEGMENT = 103
segment, server = int(sys.argv[1]), int(sys.argv[2])
cut = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("H", segment))]
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(1)
client.connect(("127.0.0.1", 5000))

def ask(data):  # again while the window is full, and what is sent is dropped
    while True:
        try:
            client.send(data)
            return client.recv(100)
        except TimeoutError:
            pass

ask(b"hello")
os.kill(server, signal.SIGSTOP)
try:
    for _ in range(3):
        client.sendmsg([bytes(segment * 40)], cut)
    time.sleep(0.2)
finally:
    os.kill(server, signal.SIGCONT)
ask(b"and on")
"""

PYTHON = "/usr/bin/python3"


def full_segment(address, timestamps, mtu=1500):
    """Bytes of payload in the largest segment."""
    headers = 60 if ipaddress.ip_address(address).version == 6 else 40
    return mtu - headers - (12 if timestamps else 0)


def remote(address):
    """The server's address and port as ftun takes them."""
    return f"[{address}]:{PORT}" if ":" in address else f"{address}:{PORT}"


class Capture:
    """tcpdump on a host's device, for the time of a `with` block."""

    def __init__(self, host, device, path):
        self.process = host.start("tcpdump", "-ni", device, "-s", "0", "-B", "65536",
                                  "--immediate-mode", "-U", "-w", path,
                                  f"tcp port {PORT}")

    def __enter__(self):
        self.process.wait_for("listening on")
        return self

    def __exit__(self, *_):
        while self.unread():
            time.sleep(0.01)
        self.process.stop()

    def unread(self):
        """Packets that have passed its filter, and that it has not read yet."""
        before = self.process.log().count("dropped by kernel")
        self.process.send_signal(signal.SIGUSR1)
        self.process.wait_for("(?s)" + "dropped by kernel.*" * (before + 1))
        captured, received, dropped = re.findall(r"(\d+) packets? (?:captured|received|dropped)",
                                                 self.process.log())[-3:]
        return int(received) - int(dropped) - int(captured)


def settle(host, address):
    """Wait until what is under way between a host and an address has arrived: links keep the order,
    so it is before the answer to a ping."""
    host.run("ping", "-c", 1, "-w", 60, address)


def by_kernel(client, server, address, timestamps):
    """The conversation through the kernel's TCP. The caller sets net.ipv4.tcp_timestamps."""
    segment = full_segment(address, timestamps)
    far = server.start(PYTHON, "-c", _TCP_SERVER, address, str(segment))
    far.wait_for("ready")
    client.run(PYTHON, "-c", _TCP_CLIENT, address, str(segment))
    assert far.wait() == 0, far.log()
    settle(client, address)


class Tunnel:
    """An ftun client and server between two hosts, and a UDP service behind them."""

    def __init__(self, client, server, address, programs, options=(), environment=None):
        self.client, self.server, self.address = client, server, address
        self.far = server.start(programs, "server", "--local", str(PORT), "--remote",
                                "127.0.0.1:5001", environment=environment)
        self.far.wait_for("listening on")
        self.near = client.start(programs, "client", "--local", "127.0.0.1:5000", "--remote",
                                 remote(address), *options, environment=environment)
        self.near.wait_for("listening on")
        self.service = server.start(PYTHON, "-c", _UDP_SERVER)
        self.service.wait_for("ready")

    def converse(self, timestamps):
        self.client.run(PYTHON, "-c", _UDP_CLIENT, self.address,
                        str(full_segment(self.address, timestamps)))

    def flood(self, timestamps):
        """The client sends more than the first window, to a server that is not let read it."""
        self.client.run(PYTHON, "-c", _UDP_FLOOD, str(full_segment(self.address, timestamps)),
                        str(self.far.pid))

    def close(self):
        """The client closes its flows; true when both ended as told."""
        near = self.near.stop()
        far = self.far.stop()
        self.service.stop()
        settle(self.client, self.address)
        return (near, far) == (0, 0)
