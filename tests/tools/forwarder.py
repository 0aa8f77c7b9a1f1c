"""The simplest tunnel there is: UDP in, UDP out. usage: forwarder.py FROM_ADDRESS:PORT TO_ADDRESS:PORT"""

import select
import socket
import sys


def address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def main(listen_at, send_to):
    family = socket.AF_INET6 if "[" in listen_at else socket.AF_INET
    entrance = socket.socket(family, socket.SOCK_DGRAM)
    entrance.bind(address(listen_at))
    print("ready", flush=True)
    exits, peers = {}, {}  # by the application's address; the application's address by the exit
    while True:
        for readable in select.select([entrance, *peers], [], [])[0]:
            try:
                datagram, source = readable.recvfrom(65536)
            except ConnectionRefusedError:  # nothing listens there yet
                continue
            if readable is not entrance:
                entrance.sendto(datagram, peers[readable])
                continue
            if source not in exits:
                exits[source] = socket.socket(family, socket.SOCK_DGRAM)
                exits[source].connect(address(send_to))
                peers[exits[source]] = source
            exits[source].send(datagram)


if __name__ == "__main__":
    main(*sys.argv[1:])
