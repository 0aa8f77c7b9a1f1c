"""The host's own kernel is the oracle: the same conversation over the same link, once through its
TCP and once through ftun, must look the same; and must not when one field of the profile is wrong.

`tools/lab/conversation.py` holds the conversation, `tools/lab/sighting.py` says what is compared,
`tools/lab/judges.py` asks p0f, tshark and nDPI.
"""

import dataclasses
import functools
import itertools
import os
import re

import pytest

import conversation
import judges
import sighting
from conftest import BUILD, FTUN, ROOT, SERVER4, SERVER6

MUTANT = BUILD / "tests" / "ftun-mutant"
ADDRESSES = {4: SERVER4, 6: SERVER6}

# The host's settings that a profile follows, but for those that the machine happens to have.
TUNED = "4096 87380 6291456"

ATTEMPTS = 20


@dataclasses.dataclass
class Lab:
    """Two hosts, and how their TCP is set."""
    pair: object
    family: int
    timestamps: bool
    captures: itertools.count = dataclasses.field(default_factory=itertools.count)

    @property
    def address(self):
        return ADDRESSES[self.family]

    def capture(self, name):
        path = self.pair.lab.directory / f"{next(self.captures):02}-{name}.pcap"
        return path, conversation.Capture(self.pair.client, "eth0", path)

    def set_up(self, tcp_rmem=None):
        for host in (self.pair.client, self.pair.server):
            host.sysctl("net.ipv4.tcp_timestamps", int(self.timestamps))
            if tcp_rmem is not None:
                host.sysctl("net.ipv4.tcp_rmem", f'"{tcp_rmem}"')

    def whole(self, converse, *arguments):
        """The capture of a conversation in which nothing was lost: a busy machine's network does,
        now and then, and no two are alike then."""
        for _ in range(ATTEMPTS):
            path = converse(*arguments)
            if len(connections(path)) == 1 and sighting.is_whole(only_flow(path)):
                return path
        raise AssertionError(f"segments are lost each time: {path}")

    def by_kernel(self):
        path, capture = self.capture("kernel")
        with capture:
            conversation.by_kernel(self.pair.client, self.pair.server, self.address,
                                   self.timestamps)
        return path

    def tunnel(self, mutation=None):
        environment = None if mutation is None else dict(os.environ, FTUN_MUTATION=mutation)
        return conversation.Tunnel(self.pair.client, self.pair.server, self.address,
                                   FTUN if mutation is None else MUTANT,
                                   ("--timestamps",) if self.timestamps else (), environment)

    def by_ftun(self, mutation=None):
        path, capture = self.capture("ftun")
        tunnel = self.tunnel(mutation)
        with capture:
            tunnel.converse(self.timestamps)
            assert tunnel.close()
        return path

    def flood(self, mutation=None):
        path, capture = self.capture("flood")
        tunnel = self.tunnel(mutation)
        with capture:
            tunnel.flood(self.timestamps)
            assert tunnel.close()
        return path


@functools.cache
def connections(path):
    return sighting.flows(sighting.read(path), conversation.PORT)


def only_flow(path):
    found = connections(path)
    assert len(found) == 1
    return found[0]


def differences(theirs, ours, path=""):
    """The places where two trees of figures differ, as text."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return [line for key in theirs for line in
                differences(theirs[key], ours[key], f"{path}{key}: ")]
    return [] if theirs == ours else [f"{path}kernel {theirs}, ftun {ours}"]


def unlike(theirs, ours, factor=3):
    """The figures that are not near each other."""
    return [f"{name}: kernel {theirs[name]}, ftun {ours[name]}" for name in theirs
            if not theirs[name] / factor <= ours[name] <= theirs[name] * factor]


def verdict(kernel, ftun):
    """All that tells the connection in the capture `ftun` from that in `kernel`."""
    theirs, ours = only_flow(kernel), only_flow(ftun)
    found = differences(sighting.identity(theirs), sighting.identity(ours))
    found += unlike(sighting.cadence(theirs), sighting.cadence(ours))
    return found + differences(p0f(kernel), p0f(ftun), "p0f: ")


p0f, tshark, ndpi = map(functools.cache, (judges.p0f, judges.tshark, judges.ndpi))


def suspicion(kernel, ftun):
    """What tshark and nDPI say of ftun and not of the kernel."""
    return [f"{judge.__name__}: {what}" for judge in (tshark, ndpi)
            for what in sorted(judge(ftun) - judge(kernel))]


def assert_alike(lab, mutation=None):
    """The kernel's conversation and ftun's cannot be told apart. How bursts go together depends on
    what else the machine does, for both: of some of each, what is alike is so in one pair; what is
    not, in none."""
    kernels, ftuns = [], []
    for _ in range(ATTEMPTS):
        kernels.append(lab.whole(lab.by_kernel))
        ftuns.append(lab.whole(lab.by_ftun, mutation))
        for kernel, ftun in itertools.product(kernels, ftuns):
            found = verdict(kernel, ftun) or suspicion(kernel, ftun)
            if not found:
                return
    raise AssertionError("\n".join(found))


def flood_is_orderly(flow):
    """Nothing beyond the peer's window, and nothing again instead."""
    return sighting.keeps_within_window(flow, flow[0].source) and sighting.is_whole(flow)


FAMILIES = pytest.mark.parametrize("family", (4, 6))
TIMESTAMPS = pytest.mark.parametrize("timestamps", (False, True), ids=("plain", "timestamps"))


@FAMILIES
@TIMESTAMPS
def test_a_conversation_looks_like_the_kernels(pair, family, timestamps):
    lab = Lab(pair, family, timestamps)
    lab.set_up()
    assert_alike(lab)


@FAMILIES
@TIMESTAMPS
def test_it_follows_the_hosts_settings(pair, family, timestamps):
    lab = Lab(pair, family, timestamps)
    lab.set_up(TUNED)
    assert_alike(lab)


def test_it_keeps_within_the_peers_window(pair):
    lab = Lab(pair, 4, False)
    assert flood_is_orderly(only_flow(lab.whole(lab.flood)))


def test_judges_see_something(pair):
    """A judge that says nothing of anything is none: Phantun's profile is told from the kernel."""
    lab = Lab(pair, 4, False)
    lab.set_up()
    kernel = lab.whole(lab.by_kernel)
    path, capture = lab.capture("phantun")
    tunnel = conversation.Tunnel(pair.client, pair.server, SERVER4, FTUN, ("--profile", "phantun"))
    with capture:
        tunnel.converse(False)
        assert tunnel.close()
    assert judges.p0f(path) != judges.p0f(kernel)
    assert not judges.tshark(path) <= judges.tshark(kernel)


# --- the test of the test ----------------------------------------------------------------------

@dataclasses.dataclass
class Mutation:
    """One field with another value, and the conversation that shows it."""
    values: str
    shows: str  # how a line of the verdict begins
    family: int = 4
    timestamps: bool = False
    tcp_rmem: str = None


# What the log calls a profile; who its peers may be, which tests/e2e/test_resume.py is about.
NOT_ON_THE_WIRE = {"name", "resumes"}

# Of each other field.
MUTATIONS = {
    "random_isn": Mutation("random_isn=0", "client: handshake: sequence is 0"),
    "random_ip_id": Mutation("random_ip_id=0", "client: ip id, step"),
    "flow_label": Mutation("flow_label=0", "client: flow label", family=6),
    "push_bursts": Mutation("push_bursts=0", "client: segments to a push, bulk"),
    "close_by_reset": Mutation("close_by_reset=1", "ends"),
    "host_windows": Mutation("host_windows=0", "p0f: syn", tcp_rmem=TUNED),
    "receive_space": Mutation("host_windows=0,receive_space=43690", "p0f: syn"),
    "window_scale": Mutation("host_windows=0,window_scale=9", "p0f: syn"),
    "timestamps": Mutation("timestamps=1", "p0f: syn"),
    "ttl": Mutation("ttl=63", "client: ttl"),
    "syn_options_count": Mutation("syn_options_count=3", "client: handshake: options",
                                  timestamps=True),
    "syn_options": Mutation("syn_options+1=3,syn_options+3=4", "client: handshake: options"),
}


def profile_fields():
    text = (ROOT / "src/core/profile.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    body = re.search(r"struct ftun_profile \{(.*?)\n\};", text, re.DOTALL).group(1)
    return re.findall(r"(\w+)(?:\[\d+\])?;", body)


def test_every_field_has_a_mutation():
    assert set(profile_fields()) == set(MUTATIONS) | NOT_ON_THE_WIRE | {"acknowledges_often"}


@pytest.mark.parametrize("field", MUTATIONS)
def test_a_profile_with_one_field_wrong_is_noticed(pair, field):
    mutation = MUTATIONS[field]
    lab = Lab(pair, mutation.family, mutation.timestamps)
    lab.set_up(mutation.tcp_rmem)
    kernel, ftun = lab.whole(lab.by_kernel), lab.whole(lab.by_ftun, mutation.values)
    found = verdict(kernel, ftun)
    assert any(line.startswith(mutation.shows) for line in found), found


def test_a_profile_whose_peer_acknowledges_rarely_is_noticed(pair):
    flow = only_flow(Lab(pair, 4, False).flood("acknowledges_often=0"))
    assert not flood_is_orderly(flow)


def test_a_mutant_without_a_mutation_is_not_noticed(pair):
    """What the mutations without the host's windows rest on: the profile's own are this host's."""
    lab = Lab(pair, 4, False)
    lab.set_up("4096 131072 33554432")
    assert_alike(lab, "host_windows=0")
