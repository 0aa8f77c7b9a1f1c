"""An application of a tunnel: opens a flow, and once that is there sends COUNT datagrams of SIZE bytes
in one call, which the kernel cuts. usage: burst.py COUNT SIZE [back], where they are to come back."""

import socket
import struct
import sys

UDP_SEGMENT = 103


def main(count, size, back=""):
    application = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    application.connect(("127.0.0.1", 5000))
    application.send(b"opens the flow")
    application.recv(2000)
    cut = [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("H", int(size)))]
    application.sendmsg([bytes(int(count) * int(size))], cut)
    for _ in range(int(count) if back else 0):
        assert len(application.recv(2000)) == int(size)


if __name__ == "__main__":
    main(*sys.argv[1:])
