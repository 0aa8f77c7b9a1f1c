"""Abuse of the state machine (RFC 9293 3.10.7, RFC 5961, RFC 4987): packets that are right, at the
wrong time, with the wrong numbers, or too often."""

from faults import TAKEN, Layer
from session import FIRST, HOSTILE, LINUX_OPTIONS

LAYER = Layer("state")

LATE = 4 << 20         # FTUN_LATE_WINDOW: how far data may lag behind
# What we advertise: 64240 or 64800 bytes, rounded up to what the host's window scale can express.
# It grows with what is received, which is little here.
WINDOW_LEAST, WINDOW_MOST = 64240, 65536
REMEMBERED = 64 << 20  # FTUN_WINDOW_MAX: acknowledgments that are older are of no segment in flight
CHALLENGE = ["."]
RESET = ["R"]


def data(offset, **fields):
    """Data that far from the next expected byte."""
    return lambda s: s.data(seq=(s.seq + offset) % 2**32, **fields)


def segment(flags, offset=0, **fields):
    return lambda s: s.segment(flags, seq=(s.seq + offset) % 2**32, **fields)


def acknowledging(offset, payload=b""):
    return lambda s: s.segment("PA" if payload else "A", payload, ack=(s.ack + offset) % 2**32)


def delivered(name, build, payload=HOSTILE):
    """Delivered, without a move of the next expected byte that later data would notice."""
    LAYER.add(name, lambda s: s.send(build(s), TAKEN, delivers=len(payload)))


# --- sequence numbers -----------------------------------------------------------------------------

LAYER.refused("data-below-window", "sequence-outside-window", data(-LATE - 1), CHALLENGE)
delivered("data-at-lower-edge", data(-LATE))
delivered("data-again", data(-len(HOSTILE)))
LAYER.refused("data-above-window", "sequence-outside-window", data(WINDOW_MOST), CHALLENGE)
LAYER.refused("data-half-way-round", "sequence-outside-window", data(2**31), CHALLENGE)
LAYER.refused("ack-below-window", "sequence-outside-window", segment("A", -LATE - 1), CHALLENGE)
LAYER.refused("ack-above-window", "sequence-outside-window", segment("A", WINDOW_MOST), CHALLENGE)


@LAYER.fault("data-overlaps")
def data_overlaps(s):
    """What the last bytes of a datagram are called is not what it is."""
    s.send(data(-10)(s), TAKEN, delivers=len(HOSTILE))
    s.seq += len(HOSTILE) - 10


@LAYER.fault("data-behind-gap")
def data_behind_gap(s):
    """What is lost stays lost: nobody waits for it."""
    s.seq += 60_000
    s.send_data()


@LAYER.fault("data-reversed")
def data_reversed(s):
    """Ten segments, the last first."""
    start = s.seq
    for number in range(9, -1, -1):
        s.send(s.data(seq=start + number * len(HOSTILE)), delivers=len(HOSTILE))
    s.seq = start + 10 * len(HOSTILE)


@LAYER.fault("sequence-wraps", opened=False)
def sequence_wraps(s):
    """Both ends' numbers pass 2^32 in the middle of data."""
    s.seq, s.ack = 2**32 - 60, 2**32 - 20
    s.open()
    for _ in range(5):
        s.exchange()


@LAYER.fault("isn-all-ones", opened=False)
def isn_all_ones(s):
    s.seq, s.ack = 2**32 - 1, 2**32 - 1


@LAYER.fault("storm-outside-window")
def storm_outside_window(s):
    """One challenge for all of them (RFC 5961 7)."""
    s.send(data(2**31)(s), "sequence-outside-window", answers=CHALLENGE)
    for number in range(50):
        s.send(data(2**31 + number)(s), "sequence-outside-window", answers=())


# --- acknowledgments ------------------------------------------------------------------------------

LAYER.refused("ack-of-unsent-data", "ack-unacceptable", acknowledging(1), CHALLENGE)
LAYER.refused("ack-of-unsent-data-with-data", "ack-unacceptable", acknowledging(1000, HOSTILE),
              CHALLENGE)
LAYER.refused("ack-half-way-round", "ack-unacceptable", acknowledging(2**31, HOSTILE), CHALLENGE)
LAYER.refused("ack-below-what-is-remembered", "ack-unacceptable",
              acknowledging(-REMEMBERED - 1, HOSTILE), CHALLENGE)
LAYER.harmless("ack-old", acknowledging(-10), answers=())
# Nobody acknowledges less in a later segment: who does has not seen the connection.
LAYER.refused("ack-old-with-data", "ack-unacceptable", acknowledging(-10, HOSTILE), CHALLENGE)
LAYER.refused("data-without-ack", "ack-missing", lambda s: s.segment("FP", HOSTILE), answers=())


@LAYER.fault("ack-repeated")
def ack_repeated(s):
    """Duplicate acknowledgments: no retransmission, nothing."""
    for _ in range(50):
        s.send(s.segment("A"), answers=())


@LAYER.fault("window-0")
def window_0(s):
    s.send(s.segment("A", window=0), answers=())


@LAYER.fault("window-shrinks")
def window_shrinks(s):
    for window in (65535, 1000, 1, 0):
        s.send(s.segment("A", window=window), answers=())


@LAYER.fault("keep-alive")
def keep_alive(s):
    """RFC 9293 3.8.4: answered, and not for ever: two ends must not keep each other awake."""
    s.send(segment("A", -1)(s), answers=CHALLENGE)
    for _ in range(10):
        s.send(segment("A", -1)(s), answers=())


# --- RST (RFC 5961 3) -----------------------------------------------------------------------------

LAYER.refused("rst-one-above", "rst-inexact", segment("R", 1), CHALLENGE)
LAYER.refused("rst-one-below", "rst-inexact", segment("R", -1), CHALLENGE)
LAYER.refused("rst-ack-one-above", "rst-inexact", segment("RA", 1), CHALLENGE)
LAYER.refused("rst-at-upper-edge", "rst-inexact", segment("R", WINDOW_LEAST - 1), CHALLENGE)
LAYER.refused("rst-above-window", "sequence-outside-window", segment("R", WINDOW_MOST), ())
LAYER.refused("rst-below-window", "sequence-outside-window", segment("R", -LATE - 1), ())
LAYER.refused("rst-sequence-0", "sequence-outside-window",
              lambda s: s.segment("R", seq=(s.seq + 2**31) % 2**32), ())
LAYER.refused("rst-from-other-port", "not-ours-flow", lambda s: s.segment("R", sport=9), ())
LAYER.refused("rst-ack-from-other-port", "not-ours-flow", lambda s: s.segment("RA", sport=9), ())


def after_the_end(s, answers=tuple(RESET)):
    s.send(s.data(), "not-ours-flow", answers=answers)


def reset(s, flags="R"):
    """The connection ends at once. A client's flow goes on over another one (F08)."""
    s.send(s.segment(flags), answers=["S"] if s.role == "client" else [])


def accept_again(s):
    """The client that was reset calls again, and is closed in order this time."""
    if s.role == "client":
        s.seq = s.isn
        s.receive("S", options=LINUX_OPTIONS)
        s.send(s.segment("SA", options=LINUX_OPTIONS), answers=["."])
        s.seq += 1
        s.receive("A")
        s.close()


@LAYER.fault("rst-exact", ends=True)
def rst_exact(s):
    reset(s)
    after_the_end(s)
    accept_again(s)


@LAYER.fault("rst-ack-exact", ends=True)
def rst_ack_exact(s):
    reset(s, "RA")
    after_the_end(s)
    accept_again(s)


@LAYER.fault("rst-twice", ends=True)
def rst_twice(s):
    """Never an RST for an RST (F10)."""
    reset(s)
    s.send(s.segment("R"), "not-ours-flow", answers=())
    s.send(s.segment("RA"), "not-ours-flow", answers=())
    accept_again(s)


@LAYER.fault("rst-guessed")
def rst_guessed(s):
    """All but the exact one, in steps of a window: none gets through, one is answered."""
    for number in range(1, 65):
        offset = number * (WINDOW_LEAST - 1) % 2**32
        inside = offset < WINDOW_LEAST or offset >= 2**32 - LATE
        s.send(segment("R", offset)(s), "rst-inexact" if inside else "sequence-outside-window",
               answers=CHALLENGE if number == 1 else ())


# --- SYN ------------------------------------------------------------------------------------------

LAYER.refused("syn-in-connection", "syn-in-connection", segment("S"), CHALLENGE)
LAYER.refused("syn-in-connection-with-data", "syn-in-connection",
              lambda s: s.segment("S", HOSTILE), CHALLENGE)
LAYER.refused("syn-again", "syn-in-connection", lambda s: s.segment("S", seq=s.isn), CHALLENGE)
LAYER.refused("syn-outside-window", "sequence-outside-window", segment("S", 2**31), CHALLENGE)
LAYER.refused("syn-ack-in-connection", "syn-in-connection", segment("SA"), CHALLENGE)
LAYER.refused("syn-ack-from-nowhere", "not-ours-flow", lambda s: s.segment("SA", sport=9), RESET)
LAYER.refused("ack-from-nowhere", "not-ours-flow", lambda s: s.segment("A", sport=9), RESET)
LAYER.refused("data-from-nowhere", "not-ours-flow", lambda s: s.data(sport=9), RESET)
LAYER.refused("fin-from-nowhere", "not-ours-flow", lambda s: s.segment("FA", sport=9), RESET)
# RFC 9293 3.10.7.2: who listens answers what acknowledges something.
LAYER.refused("fin-without-ack-from-nowhere", "not-ours-flow", lambda s: s.segment("F", sport=9),
              ())


@LAYER.fault("F07-syn-flood")
def syn_flood(s):
    """Each is answered from its cookie; nothing is kept, and nobody else suffers."""
    for number in range(100):
        s.send(s.segment("S", sport=1024 + number, seq=number * 7919), answers=["S."])


@LAYER.fault("F04-two-syns-of-one-tuple", opened=False)
def two_syns(s):
    """As after a client's restart; the second counts."""
    s.send(s.segment("S", seq=0x20000000), answers=["S."])


@LAYER.fault("syn-five-times", opened=False)
def syn_five_times(s):
    for _ in range(4):
        s.send(s.segment("S"), answers=["S."])


@LAYER.fault("syn-with-data", opened=False)
def syn_with_data(s):
    """RFC 9293 3.10.7.2 allows to drop what comes before the handshake is done."""
    s.send(s.segment("S", HOSTILE), answers=["S."])


@LAYER.fault("syn-with-ecn", opened=False)
def syn_with_ecn(s):
    s.send(s.segment("SEC"), answers=["S."])


@LAYER.fault("syn-with-urgent", opened=False)
def syn_with_urgent(s):
    s.send(s.segment("SPU", urgptr=1), answers=["S."])


@LAYER.fault("land", opened=False, living=False)
def land(s):
    """From our own address and port (1997): answered once, and that is the end of it. A living
    ftun's own answers come back to it: tests/scapy/test_reflection.py."""
    ours = {"ip": {"src": s.us}, "sport": s.our_port}
    s.send(s.segment("S", **ours), answers=["S."])
    s.send(s.segment("SA", **ours), "not-ours-flow", answers=RESET)
    s.send(s.segment("R", **ours), "not-ours-flow", answers=())


# --- the handshake --------------------------------------------------------------------------------


@LAYER.fault("ack-without-syn", opened=False)
def ack_without_syn(s):
    for guess in (0, 1, 0x7fffffff, 0xffffffff):
        s.send(s.segment("A", ack=guess), "not-ours-flow", answers=RESET)


@LAYER.fault("data-without-syn", opened=False)
def data_without_syn(s):
    s.send(s.data(), "not-ours-flow", answers=RESET)


@LAYER.fault("cookie-one-off", opened=False)
def cookie_one_off(s):
    s.knock()
    for offset in (-1, 1):
        s.send(s.segment("A", ack=s.ack + offset), "not-ours-flow", answers=RESET)
    s.send(s.segment("A"))
    s.opened = True


@LAYER.fault("cookie-of-another-port", opened=False)
def cookie_of_another_port(s):
    s.knock()
    s.send(s.segment("A", sport=s.their_port ^ 1), "not-ours-flow", answers=RESET)
    s.send(s.segment("A"))
    s.opened = True


@LAYER.fault("cookie-with-fin", opened=False)
def cookie_with_fin(s):
    """A connection that ends before it begins is none."""
    s.knock()
    s.send(s.segment("FA"), "not-ours-flow", answers=RESET)
    s.send(s.segment("A"))
    s.opened = True


@LAYER.fault("cookie-with-rst", opened=False)
def cookie_with_rst(s):
    s.knock()
    s.send(s.segment("RA"), "not-ours-flow", answers=())
    s.send(s.segment("A"))
    s.opened = True


@LAYER.fault("cookie-too-old", opened=False, living=False)
def cookie_too_old(s):
    s.knock()
    s.wait(130)
    s.send(s.segment("A"), "not-ours-flow", answers=RESET)
    s.seq -= 1


@LAYER.fault("data-completes-handshake", opened=False)
def data_completes_handshake(s):
    """The third packet is lost: the fourth does as well."""
    s.knock()
    s.send_data()
    s.opened = True


@LAYER.fault("handshake-ack-again")
def handshake_ack_again(s):
    """The third packet of the handshake, repeated by the network when there have been data: it lies
    before the window, and RFC 9293 3.10.7.4 has such a segment answered by an ACK."""
    s.send(s.segment("A", seq=s.isn + 1, ack=(s.our_isn + 1) % 2**32), answers=CHALLENGE)


@LAYER.fault("handshake-replayed", ends=True, living=False)
def handshake_replayed(s):
    """While a cookie is good its third packet opens the flow once more, with nothing in it: such is
    the price of keeping no state (RFC 4987 3.6)."""
    acknowledgment = s.segment("A", seq=s.isn + 1, ack=(s.our_isn + 1) % 2**32)
    s.close()
    s.wait(6)
    s.send(acknowledgment, TAKEN, answers=())
    s.seq, s.ack = s.isn + 1, s.our_isn + 1
    s.send_data()


# --- the end --------------------------------------------------------------------------------------


@LAYER.fault("fin-twice", ends=True)
def fin_twice(s):
    fin = s.segment("FA")
    s.close()
    s.send(fin, answers=CHALLENGE)


@LAYER.fault("fin-twice-before-our-fin-is-acknowledged", ends=True)
def fin_twice_at_once(s):
    s.send(s.segment("FA"), answers=["F."])
    s.send(s.segment("FA"), answers=["F."])


@LAYER.fault("fin-with-data", ends=True)
def fin_with_data(s):
    s.send(s.segment("FPA", HOSTILE), delivers=len(HOSTILE), answers=["F."])


LAYER.refused("fin-with-old-ack", "fin-inexact",
              lambda s: s.segment("FA", ack=(s.ack - 10) % 2**32), CHALLENGE)


@LAYER.fault("fin-behind-gap", ends=True)
def fin_behind_gap(s):
    """The last burst was lost."""
    s.send(segment("FA", 5000)(s), answers=["F."])


@LAYER.fault("fin-behind-large-gap", ends=True)
def fin_behind_large_gap(s):
    """A guess, perhaps: when it is repeated it comes next. The window has to grow for such a gap."""
    for _ in range(40):
        s.send_data(payload=bytes(1400))
    s.seq += 70_000
    s.send(s.segment("FA"), "fin-inexact", answers=CHALLENGE)
    s.send(s.segment("FA"), answers=["F."])


LAYER.refused("fin-outside-window", "sequence-outside-window", segment("FA", WINDOW_MOST), CHALLENGE)
LAYER.refused("fin-acknowledges-unsent-data", "ack-unacceptable",
              lambda s: s.segment("FA", ack=s.ack + 5), CHALLENGE)


@LAYER.fault("data-after-fin", ends=True)
def data_after_fin(s):
    s.send(s.segment("FA"), answers=["F."])
    s.seq += 1
    for _ in range(3):
        s.send(s.data(), "data-after-close")
        s.seq += len(HOSTILE)


@LAYER.fault("data-after-close", ends=True)
def data_after_close(s):
    s.close()
    s.send(s.data(), "data-after-close")


@LAYER.fault("rst-after-close", ends=True)
def rst_after_close(s):
    s.close()
    s.send(s.segment("R"), answers=())
    after_the_end(s)


@LAYER.fault("close-unanswered", ends=True, living=False)
def close_unanswered(s):
    """Our FIN is sent again, thrice, and then the flow forgotten."""
    s.send(s.segment("FA"), answers=["F."])
    s.seq += 1
    s.wait(10)
    after_the_end(s)


@LAYER.fault("port-used-again-at-once")
def port_used_again(s):
    """The challenge tells a client that lost its memory to reset what is left: then it may come."""
    s.close()
    s.send(segment("S", 1000)(s), "syn-in-connection", answers=CHALLENGE)
    s.send(s.segment("R"), answers=())
    s.seq += 100000
    s.opened = False


@LAYER.fault("idle", ends=True, living=False)
def idle(s):
    """Nothing for longer than the idle timeout: we close."""
    s.wait(200)
    after_the_end(s)


@LAYER.fault("silence-just-short-of-idle", living=False)
def almost_idle(s):
    s.wait(175)


# --- towards a client -----------------------------------------------------------------------------


@LAYER.fault("simultaneous-open", opened=False, role="client")
def simultaneous_open(s):
    s.called()
    s.send(s.segment("S"), "unsupported-simultaneous-open")
    s.accept()


@LAYER.fault("syn-ack-acknowledges-unsent", opened=False, role="client")
def syn_ack_wrong(s):
    """RFC 9293 3.10.7.3: reset what it thinks it talks to, and wait on."""
    s.called()
    s.send(s.segment("SA", ack=s.ack + 1), "ack-unacceptable", answers=RESET)
    s.send(s.segment("SA", ack=s.ack - 1), "ack-unacceptable", answers=())
    s.accept()


@LAYER.fault("rst-without-ack-in-syn-sent", opened=False, role="client")
def rst_without_ack(s):
    s.called()
    s.send(s.segment("R"), "rst-inexact", answers=())
    s.accept()


@LAYER.fault("rst-wrong-ack-in-syn-sent", opened=False, role="client")
def rst_wrong_ack(s):
    s.called()
    for offset in (-1, 1, 2**31):
        s.send(s.segment("RA", ack=(s.ack + offset) % 2**32), "rst-inexact", answers=())
    s.accept()


@LAYER.fault("data-before-syn-ack", opened=False, role="client")
def data_before_syn_ack(s):
    s.called()
    s.send(s.data(), "sequence-outside-window", answers=())
    s.send(s.segment("A"), "sequence-outside-window", answers=())
    s.accept()


@LAYER.fault("fin-before-syn-ack", opened=False, role="client")
def fin_before_syn_ack(s):
    s.called()
    s.send(s.segment("FA"), "sequence-outside-window", answers=())
    s.accept()


@LAYER.fault("syn-ack-twice", role="client")
def syn_ack_twice(s):
    s.send(s.segment("SA", seq=s.isn, ack=(s.our_isn + 1) % 2**32),
           "syn-in-connection", answers=CHALLENGE)


@LAYER.fault("syn-ack-with-data", opened=False, role="client")
def syn_ack_with_data(s):
    """What comes before our third packet is not delivered: they send it again, or do not."""
    s.called()
    s.send(s.segment("SA", HOSTILE), answers=["."])
    s.seq += 1
    s.receive("A")
    s.receive("PA", FIRST)
    s.send(s.segment("A"))
    s.opened = True


@LAYER.fault("syn-at-a-client", role="client")
def syn_at_a_client(s):
    """A client accepts nobody."""
    s.send(s.segment("S", sport=9), "not-ours-flow", answers=["R."])


@LAYER.fault("data-from-another-server", role="client")
def data_from_another_server(s):
    s.send(s.data(ip={"src": "192.0.2.9"}), "not-ours-flow", answers=RESET)


LAYER.add("rst-exact-at-a-client", rst_exact, role="client", ends=True)
