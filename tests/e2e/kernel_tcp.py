"""A server and a client of the kernel's own TCP, on the tunnel's port: who answers there?"""

import sys

LISTEN = 'listener = socket.create_server(("::", 4567), family=socket.AF_INET6, dualstack_ipv6=True)'

ANSWER = """
while True:
    try:
        listener.accept()[0].sendall(b"the kernel")
    except OSError:
        pass  # it did not wait for that
"""

SERVER = f"""
import socket
{LISTEN}
print("ready", flush=True)
{ANSWER}"""

ASK = """
import socket, sys
print(socket.create_connection((sys.argv[1], 4567), timeout=60).recv(100).decode())
"""


def serve(host):
    process = host.start(sys.executable, "-c", SERVER)
    process.wait_for("ready")
    return process


def ask(host, there, **options):
    """What is answered at an address is in its output."""
    return host.run(sys.executable, "-c", ASK, there, **options)
