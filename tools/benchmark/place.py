"""Where a measurement is made, and how datagrams are sent there."""

import dataclasses

WIRES = {"mtu": "packets of 1500 bytes on the wire", "offload": "super-segments cross the wire"}
MODES = {"single": "one datagram per send()", "mmsg": "sendmmsg() of up to 64",
         "gso": "UDP_SEGMENT, up to 64 KB"}
ECHO_SIZES = (64, 1400)
PLACEMENTS = {"together": "both hosts on one processor",
              "apart": "a processor for each host"}


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a measurement is made: the wire and what flows through it."""
    wire: str
    family: int
    size: int
    flows: int = 1
    processors: str = "any"  # or one of PLACEMENTS

    def title(self):
        flows = "1 flow" if self.flows == 1 else f"{self.flows} flows"
        return f"{WIRES[self.wire]}, IPv{self.family}, datagrams of {self.size} bytes, {flows}"
