"""TCP headers (RFC 9293 3.1)."""

from faults import Layer
from packets import with_bytes
from session import HOSTILE

LAYER = Layer("tcp")

for offset in range(5):
    LAYER.refused(f"data-offset-{offset}", "malformed-tcp-header",
                  lambda s, n=offset: s.data(dataofs=n))
LAYER.refused("data-offset-beyond-segment", "truncated-tcp", lambda s: s.segment("A", dataofs=15))
LAYER.refused("data-offset-one-beyond", "truncated-tcp", lambda s: s.segment("A", dataofs=6))
LAYER.harmless("data-offset-over-payload", lambda s: s.data(b"\x01" * 40, dataofs=15))
LAYER.refused("data-offset-over-text", "malformed-tcp-options", lambda s: s.data(dataofs=15))

for length in (0, 1, 4, 12, 13, 19):
    LAYER.refused(f"cut-to-{length}", "truncated-tcp", lambda s, n=length: s.data(
        ip={"len": 20 + n})[:20 + n])
LAYER.refused("cut-to-19-ipv6", "truncated-tcp", lambda s: s.data(ip={"plen": 19})[:59], family=6)
LAYER.refused("cut-in-options", "truncated-tcp", lambda s: s.segment(
    "A", dataofs=6, ip={"len": 43}) + b"\x01\x01\x01")

for flags, name in (("", "null"), ("SF", "syn-fin"), ("SFA", "syn-fin-ack"),
                    ("SR", "syn-rst"), ("SRA", "syn-rst-ack"), ("FR", "fin-rst"),
                    ("FRA", "fin-rst-ack"), ("FSRPAUEC", "all"), ("P", "push-only"),
                    ("U", "urgent-only"), ("EC", "ecn-only"), ("FSP", "syn-fin-push")):
    LAYER.refused(f"flags-{name}", "malformed-tcp-flags", lambda s, f=flags: s.segment(f))
LAYER.refused("flags-christmas-tree", "ack-missing", lambda s: s.segment("FPU"), answers=())
LAYER.refused("flags-null-with-data", "malformed-tcp-flags",
              lambda s: s.segment("", b"data without any flag"))
LAYER.refused("flags-fin-without-ack", "ack-missing", lambda s: s.segment("F"), answers=())
LAYER.refused("flags-fin-push-without-ack", "ack-missing", lambda s: s.segment("FP", b"data"),
              answers=())
LAYER.delivered("flags-ecn", lambda s: s.segment("PAEC", HOSTILE))
LAYER.delivered("flags-reserved", lambda s: s.data(reserved=7))
LAYER.delivered("flags-accurate-ecn", lambda s: s.segment("PAN", HOSTILE))
LAYER.delivered("flags-no-push", lambda s: s.segment("A", HOSTILE))


LAYER.delivered("urgent", lambda s: s.segment("PAU", HOSTILE, urgptr=10))
LAYER.delivered("urgent-pointer-beyond", lambda s: s.segment("PAU", HOSTILE, urgptr=65535))
LAYER.delivered("urgent-pointer-0", lambda s: s.segment("PAU", HOSTILE, urgptr=0))
LAYER.delivered("urgent-pointer-without-flag", lambda s: s.data(urgptr=3))

LAYER.refused("destination-port-0", "not-ours-address", lambda s: s.segment("S", dport=0))
LAYER.refused("destination-port-other", "not-ours-address", lambda s: s.segment("S", dport=4568))
LAYER.refused("destination-port-other-in-connection", "not-ours-address",
              lambda s: s.data(dport=80))
LAYER.refused("source-port-0", "not-ours-flow", lambda s: s.data(sport=0), answers=["R"])
LAYER.harmless("source-port-0-syn", lambda s: s.segment("S", sport=0), answers=["S."])
LAYER.refused("source-port-other", "not-ours-flow", lambda s: s.data(sport=7),
              answers=["R"])

LAYER.delivered("payload-of-1-byte", lambda s: s.data(b"!"), payload=b"!")
LAYER.delivered("payload-of-0-bytes-of-text", lambda s: s.data(b"\0" * 64), payload=b"\0" * 64)
LAYER.delivered("payload-larger-than-mss", lambda s: s.data(b"x" * 9000), payload=b"x" * 9000,
                living=False)
LAYER.delivered("payload-fills-ip-packet", lambda s: s.data(b"y" * (65535 - 40)),
                payload=b"y" * (65535 - 40), living=False)


@LAYER.fault("everything-wrong")
def everything_wrong(s):
    """All header bytes but those of the addresses are ones, then zeros."""
    for byte in (0xff, 0):
        s.send(s.data()[:20] + bytes([byte]) * 20, "truncated-ip")
        s.send(with_bytes(s.data(), 20, bytes([byte]) * 20),
               "malformed-tcp-flags" if byte else "malformed-tcp-header")
