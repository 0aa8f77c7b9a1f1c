#!/usr/bin/python3
"""A network device in user space, of a kind that not every kernel is built with.

    userlink.py NAME vlan ID PORT      802.1Q on a port
    userlink.py NAME bond PORT PORT    active-backup: by the first port that takes a frame
    userlink.py NAME ip PORT           packets without an Ethernet header, as on PPP or a modem

What the host sends by the device leaves by a port, and what comes to the port for the device is what
the host receives by it. The ports have addresses of their own kind (MAC) and none of IP.
"""

import fcntl
import select
import socket
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_TAP, IFF_NO_PI = 0x1, 0x2, 0x1000
ETH_P_ALL, ETH_P_8021Q, ETH_P_EXPERIMENT = 0x0003, 0x8100, 0x88B5
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 1, 8, 23
PACKET_MR_PROMISC = 1
TP_STATUS_VLAN_VALID = 1 << 4
TAG_OFFSET = 12  # after both MAC addresses
ETHERNET = b"\xff" * 6 + b"\x02" + bytes(5) + struct.pack("!H", ETH_P_EXPERIMENT)


def open_device(name, flags):
    device = open("/dev/net/tun", "r+b", buffering=0)  # pylint: disable=consider-using-with
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags | IFF_NO_PI))
    return device


def open_port(name):
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    port.bind((name, ETH_P_ALL))
    port.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    port.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    member = struct.pack("iHH8s", socket.if_nametoindex(name), PACKET_MR_PROMISC, 0, b"")
    port.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, member)
    return port


def tagged(frame, tag):
    return frame[:TAG_OFFSET] + struct.pack("!HH", ETH_P_8021Q, tag) + frame[TAG_OFFSET:]


def receive(port):
    """A frame and its VLAN tag, which the kernel takes out; None when it had none."""
    frame, ancillary, _, _ = port.recvmsg(65535, 1000)
    for _, _, data in ancillary:
        status, _, _, _, _, tag, _ = struct.unpack_from("IIIHHHH", data)
        if status & TP_STATUS_VLAN_VALID:
            return frame, tag
    return frame, None


class Vlan:
    flags = IFF_TAP

    def __init__(self, number):
        self.number = int(number)

    def to_wire(self, frame):
        return tagged(frame, self.number)

    def from_wire(self, frame, tag):
        return frame if tag == self.number else None


class Bond:
    flags = IFF_TAP

    def to_wire(self, frame):
        return frame

    def from_wire(self, frame, tag):
        return frame if tag is None else tagged(frame, tag)


class Ip:
    flags = IFF_TUN

    def to_wire(self, packet):
        return ETHERNET + packet

    def from_wire(self, frame, _tag):
        return frame[len(ETHERNET):] if frame.startswith(ETHERNET) else None


def send(ports, frame):
    for port in ports:
        try:
            port.send(frame)
            return
        except OSError:
            pass  # it is down: the next


def take(port, kind, device):
    try:
        data = kind.from_wire(*receive(port))
        if data is not None:
            device.write(data)
    except OSError:
        pass  # one of the two is down


def main(name, kind, *arguments):
    number = 1 if kind == "vlan" else 0
    kind = {"vlan": Vlan, "bond": Bond, "ip": Ip}[kind](*arguments[:number])
    ports = [open_port(port) for port in arguments[number:]]
    device = open_device(name, kind.flags)
    print("ready", flush=True)
    while True:
        readable = select.select([device, *ports], [], [])[0]
        for source in readable:
            if source is device:
                send(ports, kind.to_wire(device.read(65535)))
            else:
                take(source, kind, device)


if __name__ == "__main__":
    main(*sys.argv[1:])
