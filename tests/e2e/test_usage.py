"""Bad usage and missing means: one line that names the thing and what to do, and nothing left."""

import os
import subprocess

import pytest

from conftest import FTUN, attached
from lab import PATIENCE
from test_lifecycle import traces

CLIENT = ("client", "--local", "127.0.0.1:5000", "--remote", "10.77.0.2:4567")
SERVER = ("server", "--local", "4567", "--remote", "127.0.0.1:5001")


def refused(host, *command, code, says, environment=None):
    before = traces(host)
    done = subprocess.run(host.command(*attached(*command)), capture_output=True, text=True,
                          timeout=PATIENCE, check=False, env=environment)
    lines = done.stderr.splitlines()
    assert done.returncode == code, done.stderr
    assert len(lines) == 1, done.stderr
    assert says in lines[0]
    assert traces(host) == before


@pytest.mark.parametrize("arguments, says", [
    ((), "ftun carries UDP"),
    (("fly",), 'no command "fly"'),
    (("client",), "--local is missing"),
    (("client", "--bogus"), "unknown option --bogus"),
    (("client", "--local", "nonsense"), "wants ADDRESS:PORT"),
    (("server", "--local", "99999"), "wants a TCP port"),
    ((*CLIENT, "--attach", "divert", "--setup", "none"), "leave one of them out"),
    ((*CLIENT, "--allow-from", "::/0"), "is for a server"),
    ((*SERVER, "--ports", "40000-44095"), "is for clients"),
    ((*SERVER, "--allow-from", "somewhere"), "--allow-from wants"),
    (("rules",), "say client or server first"),
])
def test_wrong_usage_exits_2(arguments, says):
    done = subprocess.run([FTUN, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("arguments", [("help",), ("--help",), ("client", "--help"),
                                       ("server", "--help"), ("rules", "--help"), ("--version",),
                                       ("rules", "client", "--help")])
def test_help_goes_to_standard_output_and_exits_0(arguments):
    done = subprocess.run([FTUN, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ftun" in done.stdout


def test_a_name_that_does_not_exist(pair):
    pair.client.names(somewhere=["10.77.0.2"])
    refused(pair.client, FTUN, *CLIENT[:3], "--remote", "nowhere.invalid:1", code=1,
            says="cannot resolve nowhere.invalid")


def test_a_udp_port_in_use(pair):
    pair.start_sink(listen="127.0.0.1:5000", host=pair.client)
    refused(pair.client, FTUN, *CLIENT, code=1, says="UDP port 5000 is in use")


def test_an_address_that_is_not_ours(pair):
    refused(pair.client, FTUN, "client", "--local", "192.0.2.1:5000", *CLIENT[3:], code=1,
            says="none of this host's")


def test_a_tcp_port_in_use(pair):
    listener = pair.server.start("/usr/bin/python3", "-c", "import socket, time\n"
                                 "s = socket.create_server(('', 4567))\n"
                                 "print('ready', flush=True)\ntime.sleep(600)")
    listener.wait_for("ready")
    refused(pair.server, FTUN, *SERVER, code=1,
            says=f"TCP port 4567 is in use by python3 (pid {listener.pid}); choose another --local")


def test_a_second_server_on_the_same_port(pair):
    pair.start_server()
    refused(pair.server, FTUN, *SERVER, code=1, says="TCP port 4567 is in use")


def test_a_tun_name_that_is_another_interface(pair):
    refused(pair.client, FTUN, *CLIENT, "--tun", "eth0", code=1, says="choose another --tun name")


def test_a_tun_that_another_program_has_open(pair):
    pair.start_client("--tun", "mine")
    refused(pair.client, FTUN, "client", "--local", "127.0.0.1:5009", *CLIENT[3:], "--tun", "mine",
            code=1, says="another program has it open")


def test_no_tun_device(pair):
    hide = f"mount -t tmpfs none /dev/net && exec {FTUN} {' '.join(CLIENT)}"
    refused(pair.client, "unshare", "-m", "sh", "-c", hide, code=1,
            says="cannot open /dev/net/tun: No such file or directory; load the kernel's tun module")


def test_no_privilege(pair):
    refused(pair.client, "setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", FTUN,
            *CLIENT, code=1, says="run as root, or with CAP_NET_ADMIN")


@pytest.mark.attach("nat")
def test_no_nftables(pair, tmp_path):
    """The kernel has none: the socket that libnftables needs is refused."""
    source = tmp_path / "no_nftables.c"
    source.write_text("""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
#include <linux/netlink.h>
int socket(int domain, int type, int protocol)
{
    int (*real)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
    if (domain == AF_NETLINK && protocol == NETLINK_NETFILTER) {
        errno = EPROTONOSUPPORT;
        return -1;
    }
    return real(domain, type, protocol);
}
""")
    library = tmp_path / "no_nftables.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library),
                   "ASAN_OPTIONS": "verify_asan_link_order=0"}
    refused(pair.client, FTUN, *CLIENT, code=1, environment=environment,
            says="nftables is missing: the kernel has no netfilter netlink")


def test_an_unreadable_handshake_packet(pair, tmp_path):
    refused(pair.client, FTUN, *CLIENT, "--handshake-packet", "/nowhere", code=1,
            says="cannot read --handshake-packet /nowhere: No such file")
    large = tmp_path / "large"
    large.write_bytes(bytes(1461))
    refused(pair.client, FTUN, *CLIENT, "--handshake-packet", large, code=1,
            says="at most 1460 bytes fit")
