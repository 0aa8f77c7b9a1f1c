"""The TUN of a running ftun, reached from beside: AF_PACKET sockets in its network namespace."""

import contextlib
import ctypes
import os
import re
import select
import socket
import struct
import time

from scapy.layers.inet import IP, TCP

from mutation import repair

ETH_P_IP, ETH_P_IPV6, ETH_P_ALL = 0x0800, 0x86dd, 3  # linux/if_ether.h
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23         # linux/socket.h, linux/if_packet.h
CLONE_NEWNET = 0x40000000                            # linux/sched.h
SO_ATTACH_FILTER, SO_RCVBUFFORCE = 26, 33            # asm-generic/socket.h
RECEIVE_BUFFER = 64 << 20  # bytes
BATCH = 128                # packets: two batches may wait in the TUN's queue of 1000
PATIENCE = 90.0            # seconds
PROBE = "10.66.255.254"    # the address that probes come from
PROBE_AGAIN = 0.01         # seconds

_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def inside(host):
    """Sockets made in the block belong to the host's network namespace."""

    def enter(path):
        with open(path, "rb") as namespace:
            if _libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"cannot enter {path}")
    own = f"/proc/{os.getpid()}/task/{os.getpid()}/ns/net"
    with open(own, "rb") as home:
        enter(f"/run/netns/{host.netns}")
        try:
            yield
        finally:
            _libc.setns(home.fileno(), CLONE_NEWNET)


def accept_only(destination):
    """A socket filter: IPv4 packets to this address (struct sock_fprog, linux/filter.h). Returns
    it, and what must live until the kernel has read it."""
    load_word, jump_if_equal, end = 0x20, 0x15, 0x06
    address = int.from_bytes(socket.inet_aton(destination), "big")
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in (
        (load_word, 0, 0, 16), (jump_if_equal, 0, 1, address), (end, 0, 0, 65535), (end, 0, 0, 0)))
    code = ctypes.create_string_buffer(program, len(program))
    return struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code)), code


class Tun:
    """What is sent here ftun reads; what ftun writes can be listened to."""

    def __init__(self, host, ftun):
        self.host, self.ftun = host, ftun
        found = re.search(r"(\S+) is up: ([0-9.]+)(?:, ([0-9a-f]*:[0-9a-f:]+))?", ftun.log())
        self.device, self.ipv4, self.ipv6 = found.groups()
        with inside(host):
            self.out = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.answers = self.listen(PROBE)
        self.statistics = open(f"/proc/{ftun.pid}/net/dev", "rb", buffering=0)
        self.knock = bytearray(bytes(IP(src=PROBE, dst=self.ipv4) / TCP(flags="S")))
        self.probes = 0

    def listen(self, destination=None):
        """A socket that hears all that ftun writes, or only what goes to an IPv4 address."""
        with inside(self.host):
            listener = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        listener.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        listener.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        if destination:
            program, _code = accept_only(destination)
            listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        listener.bind((self.device, ETH_P_ALL))
        return listener

    def close(self):
        for thing in (self.out, self.answers, self.statistics):
            thing.close()

    def read_by_ftun(self):
        """Packets that ftun has read from the TUN, and packets that were dropped before."""
        self.statistics.seek(0)
        text = self.statistics.read(65536).decode()
        columns = re.search(rf"{self.device}:(.*)", text)[1].split()
        return int(columns[9]), int(columns[11])

    def send(self, packet):
        protocol = ETH_P_IPV6 if packet[0] >> 4 == 6 else ETH_P_IP
        self.out.sendto(packet, (self.device, protocol))

    def probe(self):
        """A stranger's SYN, which ftun answers: a server by SYN-ACK, a client by RST. Returns what
        the answer acknowledges."""
        self.probes += 1
        struct.pack_into("!HHI", self.knock, 20, 1024 + self.probes % 60_000, 4567, self.probes)
        repair(self.knock)
        self.send(bytes(self.knock))
        return self.probes + 1

    def await_answer(self, acknowledgment):
        """Until ftun has answered this probe or a later one, and so has read what was sent before,
        for it reads in order. Answers to strangers are limited: returns how many more probes it
        took."""
        end = time.monotonic() + PATIENCE
        again = 0
        while time.monotonic() < end:
            if select.select([self.answers], [], [], PROBE_AGAIN)[0]:
                packet = self.answers.recv(65536)
                if struct.unpack_from("!I", packet, 28)[0] >= acknowledgment:
                    return again
            else:
                self.probe()
                again += 1
        raise AssertionError("ftun answers no probe any more")

    def send_all(self, packets):
        """As fast as ftun reads: the kernel's queue never runs over, for that would lose live
        traffic, and prove nothing about ftun. Returns how many."""
        count, last = 0, None
        for packet in packets:
            self.send(packet)
            count += 1
            if count % BATCH == 0:
                probe = self.probe()
                if last:
                    self.await_answer(last)
                last = probe
        if last:
            self.await_answer(last)
        return count
