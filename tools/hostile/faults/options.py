"""TCP options (RFC 9293 3.1, RFC 7323, RFC 2018, and those that others have added)."""

from faults import Layer

LAYER = Layer("options")


def option(text):
    return bytes.fromhex(text.replace(" ", ""))


def refused(name, text, **properties):
    """On data: the segment is refused, and nothing delivered."""
    LAYER.refused(name, "malformed-tcp-options", lambda s: s.data(options=option(text)),
                  **properties)


def delivered(name, text):
    """On data: the option is passed over."""
    LAYER.delivered(name, lambda s: s.data(options=option(text)))


def opening(name, text, role="server"):
    """On the SYN or SYN-ACK: the flow opens all the same."""
    LAYER.add(f"{name}-in-{'syn' if role == 'server' else 'syn-ack'}",
              lambda s: s.open(options=option(text)), opened=False, role=role)


refused("length-0", "4d 00 0000")
refused("length-1", "4d 01 0000")
refused("length-beyond-header", "4d 05 0000")
refused("length-255", "4d ff 0000")
refused("length-missing", "01 01 01 4d")
refused("length-0-of-mss", "02 00 05b4")
refused("length-beyond-header-at-end", "01" * 36 + "08 0a 0000")
refused("mss-length-3", "02 03 05 00")
refused("mss-length-5", "02 05 05b400 000000")
refused("mss-length-2", "02 02 0101")
refused("window-scale-length-2", "03 02 0101")
refused("window-scale-length-4", "03 04 0a0a")
refused("sack-permitted-length-3", "04 03 0001")
refused("timestamps-length-2", "08 02 0101")
refused("timestamps-length-9", "08 09 00000001 000000 01 0101")
refused("timestamps-length-12", "08 0c 00000001 00000000 0000")
refused("good-then-malformed", "01 01 080a 00000001 00000000 4d 00 00 00")
refused("length-0-ipv6", "4d 00 0000", family=6)

delivered("no-operation-40", "01" * 40)
delivered("end-of-list-40", "00" * 40)
delivered("end-of-list-then-garbage", "01 01 01 00 ffffffff 02 00 00 00")
delivered("end-of-list-first", "00 4d 00 00")
delivered("unknown", "4d 04 dead")
delivered("unknown-empty", "4d 02 01 01")
delivered("unknown-40", "4d 28" + "a5" * 38)
delivered("every-second-unknown", "4d 02 01 4d 03 ff 01 01 fd 04 f989 fe 04 f989 00 00 00 00")
delivered("sack-without-blocks", "05 02 01 01")
delivered("sack-of-half-a-block", "05 06 00000001 01 01")
delivered("sack-length-3", "05 03 ff 01")
delivered("sack-inverted", "01 01 05 0a 00000002 00000001")
delivered("sack-of-nothing", "01 01 05 0a 00000000 00000000")
delivered("sack-of-4-blocks", "01 01 05 22" + "ffffffff00000000" * 4)
delivered("sack-far-ahead", "01 01 05 0a 7fffffff 80000000")
delivered("timestamps-not-agreed", "01 01 08 0a 00000001 00000000")
delivered("timestamps-twice", "08 0a 00000001 00000000 08 0a ffffffff ffffffff")
delivered("timestamps-echo-of-the-future", "01 01 08 0a 00000000 ffffffff")
delivered("mss-outside-syn", "02 04 0001")
delivered("window-scale-outside-syn", "03 03 0e 01")
delivered("sack-permitted-outside-syn", "04 02 01 01")
delivered("fast-open-cookie", "22 0a 0123456789abcdef 01 01")
delivered("fast-open-odd-cookie", "22 05 010203 01 01 01")
delivered("md5-signature", "13 12" + "5a" * 16 + "01 01")
delivered("authentication", "1d 10 01 01" + "5a" * 12)
delivered("multipath", "1e 0c 00 81" + "11" * 8)
delivered("user-timeout", "1c 04 8001")
delivered("experimental", "fe 06 dead beef 00 00")
delivered("obsolete-echo", "06 06 00000001 00 00")

opening("none", "")
opening("mss-0", "02 04 0000")
opening("mss-1", "02 04 0001")
opening("mss-87", "02 04 0057")
opening("mss-65535", "02 04 ffff")
opening("mss-twice", "02 04 0064 02 04 05b4")
opening("mss-twice-small-last", "02 04 05b4 02 04 0064")
opening("window-scale-15", "02 04 05b4 03 03 0f 01")
opening("window-scale-255", "02 04 05b4 03 03 ff 01")
opening("window-scale-twice", "03 03 0e 01 03 03 00 01")
opening("only-window-scale-14", "01 03 03 0e")
opening("sack-blocks", "02 04 05b4 01 01 05 0a 00000001 00000002")
opening("fast-open-request", "02 04 05b4 22 02 01 01")
opening("md5-signature", "02 04 05b4 13 12" + "5a" * 16 + "01 01")
opening("multipath-capable", "02 04 05b4 1e 0c 00 81" + "11" * 8)
opening("end-of-list-before-mss", "00 01 01 01 02 04 05b4")
opening("full-of-no-operation", "01" * 40)
opening("mss-0", "02 04 0000", role="client")
opening("mss-1", "02 04 0001", role="client")
opening("mss-65535", "02 04 ffff", role="client")
opening("window-scale-255", "02 04 05b4 03 03 ff 01", role="client")
opening("sack-unasked", "02 04 05b4 04 02 01 01", role="client")


@LAYER.fault("malformed-in-syn", opened=False)
def malformed_in_syn(s):
    """Not answered; the same SYN without the fault is."""
    for text in ("02 00 0000", "02 03 05 00", "03 03 0e 02", "4d ff 0000"):
        s.send(s.segment("S", options=option(text)), "malformed-tcp-options")


@LAYER.fault("malformed-in-syn-ack", opened=False, role="client")
def malformed_in_syn_ack(s):
    s.called()
    s.send(s.segment("SA", options=option("02 03 05 00")), "malformed-tcp-options")
    s.accept()


@LAYER.fault("malformed-in-rst")
def malformed_in_rst(s):
    """A reset that cannot be read resets nothing."""
    s.send(s.segment("R", options=option("4d 00 0000")), "malformed-tcp-options")


@LAYER.fault("malformed-in-fin")
def malformed_in_fin(s):
    s.send(s.segment("FA", options=option("4d 00 0000")), "malformed-tcp-options")


@LAYER.fault("every-length-of-every-kind")
def every_length_of_every_kind(s):
    """The kinds that ftun reads, with all lengths but their own."""
    for kind, right in ((2, 4), (3, 3), (4, 2), (8, 10)):
        for length in range(0, 13):
            if length != right:
                s.send(s.data(options=bytes([kind, length]) + b"\x01" * 10),
                       "malformed-tcp-options")
