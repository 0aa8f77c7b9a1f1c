"""WireGuard (wireguard-go) as the application at both ends. Two peers of one server come out of one
socket there, each from an address of its own."""

import contextlib
import pathlib

import pytest

PORT = 51820


def keys(host):
    private = host.run("wg", "genkey").stdout.strip()
    public = host.run("sh", "-c", f"echo {private} | wg pubkey").stdout.strip()
    return private, public


@contextlib.contextmanager
def interface(host, number, private, address, port, peers):
    """peers: (public key, what it may send from, further settings)."""
    name = "wg" + host.lab.prefix[2:-1] + str(number)  # its socket is seen by all namespaces
    control = pathlib.Path("/run/wireguard", f"{name}.sock")
    process = host.start("env", "LOG_LEVEL=verbose", "wireguard-go", "--foreground", name)
    try:
        process.wait_for("UAPI listener started")
        config = host.lab.directory / f"{name}.conf"
        config.write_text("\n".join((
            "[Interface]", f"PrivateKey = {private}", f"ListenPort = {port}",
            *(f"[Peer]\nPublicKey = {public}\nAllowedIPs = {allowed}\n{more}"
              for public, allowed, more in peers))) + "\n", encoding="ascii")
        host.run("wg", "setconf", name, config)
        host.ip("address", "add", f"{address}/24", "dev", name)
        host.ip("link", "set", name, "mtu", "1400", "up")
        yield name
    finally:
        process.stop()
        control.unlink(missing_ok=True)


@pytest.mark.parametrize("sockets", ["shared", "each"])
def test_two_peers_of_one_server(pair, sockets):
    server_keys, *peer_keys = (keys(pair.server) for _ in range(3))
    pair.start_server("--upstream-sockets", sockets, remote=f"127.0.0.1:{PORT}")
    pair.start_client()
    with contextlib.ExitStack() as interfaces:
        interfaces.enter_context(interface(
            pair.server, 0, server_keys[0], "10.99.0.1", PORT,
            [(public, f"10.99.0.{2 + i}/32", "") for i, (_, public) in enumerate(peer_keys)]))
        names = [interfaces.enter_context(interface(
            pair.client, 1 + i, private, f"10.99.0.{2 + i}", PORT + i,
            [(server_keys[1], "10.99.0.1/32", "Endpoint = 127.0.0.1:5000")]))
                 for i, (private, _) in enumerate(peer_keys)]
        for name in names:
            for _ in range(50):
                done = pair.client.run("ping", "-q", "-c", "1", "-W", "30", "-s", "1300", "-I", name,
                                       "10.99.0.1", check=False)
                assert " 0% packet loss" in done.stdout
