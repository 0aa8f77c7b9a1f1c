"""Two hosts joined by ftun-unruly instead of a veth pair: a cable with seeded faults."""

import json

from conftest import BUILD

UNRULY = BUILD / "ftun-unruly"


class Cable:
    """A cable whose ends can be given other faults while traffic flows."""

    def __init__(self, lab, left, right, names, addresses):
        """names: (device at left, device at right); addresses as in Lab.link()."""
        self.host = lab.host(f"cable{len(lab.hosts)}")
        self.process = None
        self.host.sysctl("net.ipv6.conf.default.disable_ipv6", 1)  # it has nothing to say itself
        for host, name, end in ((left, names[0], "left"), (right, names[1], "right")):
            lab.link(host, self.host, (name, end), ())
            host.run("ethtool", "-K", name, "tx", "off")
            self.host.run("ethtool", "-K", end, "gro", "off")
        for pair in addresses:
            for host, name, address in zip((left, right), names, pair):
                host.ip("addr", "add", address, "dev", name, *("nodad",) * (":" in address))
        self.suffer()

    def suffer(self, *faults):
        """From now on these faults: options of ftun-unruly. Returns how many there were of the
        ones before, by direction and kind."""
        before = self.figures()
        self.process = self.host.start(UNRULY, "--left", "left", "--right", "right", *faults)
        self.process.wait_for("forwarding between")
        return before

    def figures(self):
        if self.process is None:
            return {}
        self.process.stop()
        return json.loads(self.process.log().splitlines()[-1])
