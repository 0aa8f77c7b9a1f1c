"""The tunnels that are measured.

Each has a name, the programs it needs, and start(client, server), which leaves it ready
and returns (where the load generator sends to, where the sink listens). It ends with the lab.
"""

SINK_PORT = 5001
TUNNEL_PORT = 5000


class NoTunnel:
    """The bare network: the load goes straight to the far end."""

    name = "none"

    def __init__(self, settings):
        self.settings = settings
        self.programs = ()

    def start(self, _client, _server):
        there = join_port(far_address(self.settings.family), SINK_PORT)
        return there, there


class Ftun:
    """This repository's tunnel."""

    name = "ftun"

    def __init__(self, settings):
        self.settings = settings
        self.program = settings.build / "ftun"
        self.programs = (self.program,)

    def start(self, client, server):
        send_to = join_port(loopback(self.settings.family), TUNNEL_PORT)
        listen_at = join_port(loopback(self.settings.family), SINK_PORT)
        far_end = join_port(far_address(self.settings.family), 4567)
        for host, arguments in (
                (server, ("server", "--local", "4567", "--remote", listen_at)),
                (client, ("client", "--local", send_to, "--remote", far_end))):
            host.start(self.program, *arguments).wait_for("listening on")
        return send_to, listen_at


TUNNELS = {tunnel.name: tunnel for tunnel in (NoTunnel, Ftun)}


def far_address(family):
    return "10.77.0.2" if family == 4 else "fd77::2"


def loopback(family):
    return "127.0.0.1" if family == 4 else "::1"


def join_port(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
