"""The tunnels that are measured: each is a description, a file of its own (tools/tunnels/README.md).

A tunnel is started between two hosts and ends with their lab.
"""

import configparser
import dataclasses
import json
import re
import shlex
import shutil
import string
import time

import lab

PROBE_SECONDS = 30  # a tunnel through which nothing comes back for so long does not work
SIDES = ("server", "client")  # in the order in which they are started
KEYS = {"tunnel": {"about", "programs", "send_to", "listen_at"},
        "server": {"setup", "nft", "run", "ready"}, "client": {"setup", "nft", "run", "ready"}}


class DescriptionError(ValueError):
    """A description says what is not understood; the text names the file and what."""


def placeholders(build, family, device):
    """What a description may refer to, by name. An address before a port has its brackets."""
    near, far, loopback = (("10.77.0.1", "10.77.0.2", "127.0.0.1") if family == 4 else
                           ("fd77::1", "fd77::2", "::1"))
    bracketed = {name: f"[{address}]" if family == 6 else address for name, address in
                 (("near", near), ("far", far), ("loopback", loopback))}
    return {**bracketed, "near_address": near, "far_address": far, "loopback_address": loopback,
            "port": "4567", "device": device, "build": str(build), "family": str(family)}


@dataclasses.dataclass
class Side:
    """What one end of a tunnel needs: commands, a ruleset, the program, a sign that it is ready."""
    setup: list
    nft: str
    run: list
    ready: str


class Tunnel:
    """A described tunnel with the options that were chosen for it."""

    def __init__(self, path, chosen, build, family, device="wire0"):
        self.path = path
        self.name = ":".join([path.stem, *(f"{name}={value}" for name, value in chosen.items())])
        self.family = family
        self.values = placeholders(build, family, device)
        self.read(read_description(path), chosen)

    def read(self, description, chosen):
        self.values["options"] = self.chosen_options(description, chosen)
        tunnel = description["tunnel"]
        self.send_to = self.values["send_to"] = self.fill(
            tunnel.get("send_to", "$loopback:5000"))
        self.listen_at = self.values["listen_at"] = self.fill(
            tunnel.get("listen_at", "$loopback:5001"))
        self.programs = self.words(tunnel.get("programs", ""))
        self.sides = {name: self.side(description[name]) for name in SIDES
                      if description.has_section(name)}

    def chosen_options(self, description, chosen):
        known = description["options"] if description.has_section("options") else {}
        for name in chosen:
            if name not in known:
                raise DescriptionError(f"{self.path}: {path_options(known)}, no {name!r}")
        return " ".join(known[name].replace("$value", shlex.quote(value))
                        for name, value in chosen.items())

    def side(self, section):
        return Side(setup=[self.words(line) for line in section.get("setup", "").splitlines() if line],
                    nft=self.fill(section.get("nft", "")),
                    run=self.words(section.get("run", "")), ready=section.get("ready", ""))

    def fill(self, text):
        try:
            return string.Template(text).substitute(self.values)
        except KeyError as unknown:
            raise DescriptionError(f"{self.path}: there is no ${unknown.args[0]}; known are "
                                   f"{', '.join(sorted(self.values))}") from None
        except ValueError:
            raise DescriptionError(f"{self.path}: a lone $ in {text!r}; write $$") from None

    def words(self, text):
        filled = self.fill(text)
        try:
            return shlex.split(filled)
        except ValueError as error:  # a quote without its end
            raise DescriptionError(f"{self.path}: {text!r}: {error}") from None

    def missing(self):
        """The programs that it needs and that are not there."""
        return [program for program in self.programs if shutil.which(program) is None]

    def start(self, client, server, load):
        """Leave it ready: by its own sign, or else when the echo of a probe has come back."""
        hosts = {"client": client, "server": server}
        for name, side in self.sides.items():
            start_side(hosts[name], side)
        if any(side.run and not side.ready for side in self.sides.values()):
            self.probe(client, server, load)

    def probe(self, client, server, load):
        sink = server.start(load, "sink", "--echo", "--listen", self.listen_at)
        sink.wait_for("listening on")
        end = time.monotonic() + PROBE_SECONDS
        while not echoes(client, load, self.send_to):
            if time.monotonic() > end:
                raise lab.LabError(f"{self.name}: nothing comes back through it")
        sink.stop()


def start_side(host, side):
    for command in side.setup:
        host.run(*command)
    if side.nft:
        host.host.nft(side.nft)
    if not side.run:
        return
    process = host.start(*side.run)
    if side.ready:
        process.wait_for(side.ready)


def echoes(client, load, send_to):
    done = client.run(load, "echo", "--to", send_to, "--count", 1, check=False)
    return done.returncode == 0 and json.loads(done.stdout)["echoed"] == 1


def path_options(known):
    return f"its options are {', '.join(known)}" if known else "it has no options"


# Reading descriptions.

def read_description(path):
    description = configparser.ConfigParser(interpolation=None, delimiters=("=",),
                                            comment_prefixes=("#",))
    try:
        description.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except (configparser.Error, UnicodeDecodeError) as error:
        raise DescriptionError(f"{path}: {' '.join(str(error).split())}") from None
    except OSError as error:
        raise DescriptionError(f"{path}: {error.strerror}") from None
    check(path, description)
    return description


def check(path, description):
    for section in description.sections():
        known = KEYS.get(section)
        if known is None and section != "options":
            raise DescriptionError(f"{path}: there is no section [{section}]; known are "
                                   f"{', '.join(KEYS)} and options")
        for key in set(description[section]) - known if known else ():
            raise DescriptionError(f"{path}: [{section}] has no {key!r}; known are "
                                   f"{', '.join(sorted(known))}")
    if not description.has_section("tunnel"):
        raise DescriptionError(f"{path}: a section [tunnel] is missing")
    for side in set(SIDES) & set(description.sections()):
        check_ready(path, description[side])


def check_ready(path, section):
    try:
        re.compile(section.get("ready", ""))
    except re.error as error:
        raise DescriptionError(f"{path}: [{section.name}] ready: {error}") from None


class Catalogue:
    """The descriptions there are: those beside the tools, and those of --tunnels-dir."""

    def __init__(self, directories):
        self.paths = {}
        for directory in directories:
            if not directory.is_dir():
                raise DescriptionError(f"{directory}: no such directory")
            self.paths.update({path.stem: path for path in sorted(directory.glob("*.ini"))})

    def names(self):
        """All of them, what is compared with first."""
        first = [name for name in ("none", "ftun") if name in self.paths]
        return first + [name for name in self.paths if name not in first]

    def tunnel(self, text, build, family):
        """The tunnel of a name as people write it: NAME, or NAME:OPTION=VALUE."""
        name, *options = text.split(":")
        if name not in self.paths:
            raise DescriptionError(f"{name!r}: no such tunnel; there are {', '.join(self.names())}")
        chosen = dict(option.partition("=")[::2] for option in options)
        return Tunnel(self.paths[name], chosen, build, family)
