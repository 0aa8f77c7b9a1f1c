"""ftun-replay as people call it: files that are broken, link layers, options, exit codes."""
import json
import os
import re
import struct
import subprocess
from pathlib import Path

import pytest
from scapy.all import IP, TCP, Dot1AD, Dot1Q, Ether, IPv6, Raw, raw

ROOT = Path(__file__).resolve().parents[2]
REPLAY = ROOT / os.environ.get("FTUN_BUILD", "build") / "ftun-replay"
PHANTUN = ROOT / "pcaps/peers/phantun-v4.pcap"
OK, DIFFERS, USAGE, CAPTURE, FAILED = range(5)
ETHERNET, NULL, RAW, LOOP, SLL, SLL2, IPV4_ONLY, IPV6_ONLY = 1, 0, 101, 108, 113, 276, 228, 229


def replay(*arguments, **more):
    done = subprocess.run([REPLAY, *map(str, arguments)], capture_output=True, check=False, timeout=600,
                          **more)
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


def pcap(frames, link=ETHERNET, *, order="<", magic=0xA1B2C3D4, snaplen=65535, times=None, cut=None):
    """The bytes of a pcap file; a frame is its bytes, each a millisecond after the last."""
    out = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, snaplen, link)
    for i, frame in enumerate(frames):
        s, us = times[i] if times else (1000, 1000 * i)
        kept = frame[:cut]
        out += struct.pack(f"{order}IIII", s, us, len(kept), len(frame)) + kept
    return out


def pcapng(frames, link=ETHERNET):
    """The bytes of a pcapng file: section header, one interface, enhanced packets."""
    def block(kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(1, struct.pack("<HHI", link, 0, 65535))
    for i, frame in enumerate(frames):
        out += block(6, struct.pack("<IIIII", 0, 0, 1000 * i, len(frame), len(frame)) + frame)
    return out


def segments(ip=IP(src="10.0.0.1", dst="10.0.0.2")):
    """A handshake and three datagrams: IP packets, checksums right."""
    back = ip.copy()
    back.src, back.dst = ip.dst, ip.src
    there, here = {"sport": 40000, "dport": 4567}, {"sport": 4567, "dport": 40000}
    syn = [("MSS", 1460), ("NOP", None), ("NOP", None), ("SAckOK", b""), ("NOP", None), ("WScale", 10)]
    return [raw(packet) for packet in (
        ip / TCP(**there, flags="S", seq=100, options=syn),
        back / TCP(**here, flags="SA", seq=900, ack=101, options=syn),
        ip / TCP(**there, flags="A", seq=101, ack=901),
        ip / TCP(**there, flags="PA", seq=101, ack=901) / b"first",
        back / TCP(**here, flags="PA", seq=901, ack=106) / b"answer",
        ip / TCP(**there, flags="PA", seq=106, ack=907) / b"second")]


def ethernet(packets):
    return [raw(Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01", type=0x0800 if p[0] >> 4 == 4 else 0x86DD))
            + p for p in packets]


@pytest.fixture
def capture(tmp_path):
    """A function that writes bytes to a file."""
    def write(content, name="capture.pcap"):
        path = tmp_path / name
        path.write_bytes(content)
        return path
    return write


def events(done):
    return [line.split(" : ")[1] for line in done.stdout.splitlines() if " : " in line]


# --- link layers ------------------------------------------------------------------------------


def framings():
    sll = struct.pack(">HHH8sH", 0, 1, 6, bytes(8), 0x0800)
    sll2 = struct.pack(">HHIHBB8s", 0x86DD, 0, 2, 1, 0, 6, bytes(8))
    ether = Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
    return {
        "ethernet": (ETHERNET, lambda p: raw(ether / IP(p)), IP),
        "vlan": (ETHERNET, lambda p: raw(ether / Dot1Q(vlan=7) / IP(p)), IP),
        "qinq": (ETHERNET, lambda p: raw(ether / Dot1AD(vlan=7) / Dot1Q(vlan=8) / IPv6(p)), IPv6),
        "ethernet padding": (ETHERNET, lambda p: raw(ether / IP(p)).ljust(100, b"\xff"), IP),
        "raw": (RAW, lambda p: p, IPv6),
        "ipv4": (IPV4_ONLY, lambda p: p, IP),
        "ipv6": (IPV6_ONLY, lambda p: p, IPv6),
        "null little-endian": (NULL, lambda p: struct.pack("<I", 2) + p, IP),
        "null big-endian": (NULL, lambda p: struct.pack(">I", 30) + p, IPv6),
        "loop": (LOOP, lambda p: struct.pack(">I", 24) + p, IPv6),
        "cooked": (SLL, lambda p: sll + p, IP),
        "cooked v2": (SLL2, lambda p: sll2 + p, IPv6),
    }


@pytest.mark.parametrize("name", framings())
def test_every_link_layer_leads_to_the_same_packets(capture, name):
    link, frame, version = framings()[name]
    ip = version(src="10.0.0.1", dst="10.0.0.2") if version is IP else version(src="2001:db8::1", dst="2001:db8::2")
    done = replay("--events", capture(pcap([frame(p) for p in segments(ip)], link)))
    assert done.returncode == OK
    assert events(done) == ["taken, flow 1"] * 6


def test_an_unknown_link_type_is_named(capture):
    done = replay(capture(pcap([], 105)))
    assert done.returncode == CAPTURE
    assert done.stdout == ""
    assert re.fullmatch(r"ftun-replay: .*capture.pcap has link type 105 \(IEEE802_11\), which .*\n", done.stderr)


def test_what_is_not_ip_is_skipped_and_said(capture):
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    done = replay(capture(pcap([arp, b"short", *ethernet(segments())])))
    assert done.returncode == OK
    assert re.search(r"^ +1 +1  not-ip: ", done.stdout, re.M)
    assert re.search(r"^ +1 +2  no-frame: ", done.stdout, re.M)


# --- files that are not as they should be -----------------------------------------------------


def test_a_capture_cut_at_every_byte_of_its_start_never_kills(capture):
    """F02: and what was read before stays reported."""
    whole = PHANTUN.read_bytes()
    full = replay("--events", PHANTUN).stdout.splitlines()
    for length in range(200):
        done = replay("--events", capture(whole[:length]))
        assert done.returncode in (OK, CAPTURE), (length, done.stderr)
        read = [line for line in done.stdout.splitlines() if "cannot be read" not in line]
        assert read == full[:len(read)]
        if done.returncode == CAPTURE:
            assert done.stderr.startswith("ftun-replay: ") and done.stderr.count("\n") == 1
            if length > 24:
                assert f"beyond packet {len(read)}" in done.stdout
                assert f"beyond packet {len(read)}: " in done.stderr


@pytest.mark.parametrize("role", ["observer", "server", "client"])
def test_F02_a_session_cut_at_every_length_never_kills(role):
    done = replay("--role", role, "--snap", "sweep", PHANTUN)
    assert (done.returncode, done.stderr) == (OK, "")
    assert "truncated-ip" in done.stdout
    one = replay("--role", role, "--snap", 39, PHANTUN)
    assert one.returncode == OK
    assert "truncated" in one.stdout


def test_pcapng_reads_as_pcap_does(capture):
    frames = ethernet(segments())
    plain = replay("--events", capture(pcap(frames)))
    assert events(replay("--events", capture(pcapng(frames)))) == events(plain)


def test_a_pcapng_cut_anywhere_never_kills(capture):
    whole = pcapng(ethernet(segments()))
    for length in range(0, len(whole), 3):
        assert replay(capture(whole[:length])).returncode in (OK, CAPTURE), length


def test_every_byte_order_and_resolution_is_read(capture):
    frames = ethernet(segments())
    for order in "<>":
        for magic in (0xA1B2C3D4, 0xA1B23C4D):
            assert events(replay("--events", capture(pcap(frames, order=order, magic=magic)))) == \
                ["taken, flow 1"] * 6


@pytest.mark.parametrize("lengths", [(0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFFFFF, 60), (262145, 262145)])
def test_a_record_of_impossible_length_ends_the_capture(capture, lengths):
    content = pcap(ethernet(segments())) + struct.pack("<IIII", 1001, 0, *lengths) + bytes(60)
    done = replay("--events", capture(content))
    assert done.returncode == CAPTURE
    assert events(done) == ["taken, flow 1"] * 6
    assert "cannot be read beyond packet 6: " in done.stderr


def test_time_stamps_may_be_anything(capture):
    times = [(1000, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0, 0), (1000, 5), (2**31, 0), (1001, 0)]
    for role in ("observer", "server", "client"):
        done = replay("--role", role, capture(pcap(ethernet(segments()), times=times)))
        assert (done.returncode, done.stderr) == (OK, "")
    assert "time-backwards" in replay(capture(pcap(ethernet(segments()), times=times))).stdout


def test_an_empty_capture_says_so(capture):
    done = replay(capture(pcap([])))
    assert done.returncode == OK
    assert done.stdout.startswith("0 packets in 0.000000 s, 0 bytes of IP\n\nno flows\n")


@pytest.mark.parametrize("content", [b"", b"\0", b"hello, this is no capture at all", bytes(10000)])
def test_what_is_no_capture_is_refused_in_one_line(capture, content):
    done = replay(capture(content))
    assert done.returncode == CAPTURE
    assert done.stdout == ""
    assert re.fullmatch(r"ftun-replay: .*capture.pcap is no capture that can be read: .*\n", done.stderr)


# --- captures that differ from the wire -------------------------------------------------------


def test_headers_alone_are_enough_when_the_capture_cut_the_rest(capture):
    done = replay("--events", capture(pcap(ethernet(segments()), cut=54 + 24)))
    assert done.stdout.count("taken, flow 1") == 6
    done = replay("--events", capture(pcap(ethernet(segments()), cut=56)))
    assert done.stdout.count("106:112(6) ack 907 win 8192 : taken, flow 1 (cut by the capture)") == 1
    done = replay("--events", capture(pcap(ethernet(segments()), cut=40)))
    assert done.stdout.count("< cut by the capture inside its headers : skipped") == 6


def test_a_checksum_left_to_the_nic_is_not_called_wrong(capture):
    packets = [bytearray(p) for p in segments()]
    pseudo = sum(struct.unpack(">4H", packets[3][12:20])) + 6 + len(packets[3]) - 20
    packets[3][36:38] = struct.pack(">H", (pseudo & 0xFFFF) + (pseudo >> 16))
    packets[5][-1] ^= 1
    verdicts = events(replay("--events", capture(pcap(ethernet(map(bytes, packets))))))
    assert verdicts[3] == "taken, flow 1 (checksum left to the NIC)"
    assert verdicts[5] == "malformed-tcp-checksum"


# --- what explains trouble --------------------------------------------------------------------


def findings(done):
    return {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}


def with_changes(changes):
    """segments(), some of them changed: {index: function of the scapy packet}."""
    out = []
    for i, packet in enumerate(map(IP, segments())):
        if i in changes:
            changes[i](packet)
            del packet.chksum, packet[TCP].chksum, packet.len
        out.append(raw(packet))
    return out


def trouble(capture, packets):
    return findings(replay("--json", capture(pcap(ethernet(packets)))))


def test_a_whole_session_has_no_trouble(capture):
    assert trouble(capture, segments()) == {}


def test_a_retransmission_is_a_middleboxs_when_its_ttl_is_another(capture):
    good = segments()
    again = IP(good[3])
    again.ttl = 57
    del again.chksum
    assert set(trouble(capture, [*good, good[3]])) == {"repeated-segments"}
    assert set(trouble(capture, [*good, raw(again)])) == {"middlebox-retransmission"}


def test_a_reset_is_told_by_its_number(capture):
    good = segments()
    def rst(sequence):
        return raw(IP(src="10.0.0.2", dst="10.0.0.1") / TCP(sport=4567, dport=40000, flags="R", seq=sequence))
    assert set(trouble(capture, [*good, rst(907)])) == {"reset"}
    assert set(trouble(capture, [*good, rst(908)])) == {"rst-inexact"}
    assert set(trouble(capture, [rst(908)])) == {"rst-without-flow"}
    refusal = raw(IP(src="10.0.0.2", dst="10.0.0.1") / TCP(sport=4567, dport=40000, flags="RA", seq=0, ack=101))
    assert set(trouble(capture, [good[0], refusal])) == {"handshake-refused"}


def test_one_way_traffic_and_repeated_syns_are_seen(capture):
    syn = segments()[0]
    found = trouble(capture, [syn, syn, syn])
    assert set(found) == {"one-way", "syn-repeated"}
    assert found["syn-repeated"]["count"] == 2


def test_a_segment_beyond_the_mss_was_merged(capture):
    def grow(packet):
        packet[TCP].payload = Raw(b"x" * 2000)
    assert set(trouble(capture, with_changes({5: grow}))) == {"merged-segments"}


def test_a_closed_window_is_seen(capture):
    def close(packet):
        packet[TCP].window = 0
    assert "window-exhausted" in trouble(capture, with_changes({4: close}))


def test_fragments_are_put_together_and_reported(capture):
    good = segments()
    whole = IP(good[5])
    body = raw(whole[TCP])
    first, second = whole.copy(), whole.copy()
    parts = []
    for part, flags, offset, payload in ((first, "MF", 0, body[:24]), (second, 0, 3, body[24:])):
        part.flags, part.frag = flags, offset
        del part.chksum, part.len
        part.remove_payload()
        parts.append(raw(part / payload))
    done = replay("--json", capture(pcap(ethernet([*good[:5], *parts]))))
    report = json.loads(done.stdout)
    assert set(findings(done)) == {"ip-fragments"}
    assert report["refused"] == []
    assert report["flows"][0]["directions"][0]["datagrams"] == 2


def test_a_capture_that_begins_in_mid_flow_is_joined(capture):
    report = json.loads(replay("--json", capture(pcap(ethernet(segments()[3:])))).stdout)
    assert report["refused"] == []
    assert report["flows"][0]["handshake"] == "unseen"


def test_more_flows_than_the_table_holds_are_summed_up(capture):
    syn = bytearray(segments()[0])
    packets = []
    for port in range(1000, 6000):
        syn[20:22], syn[34:36] = struct.pack(">H", port), struct.pack(">H", 60000 - port)  # the sum stays
        packets.append(bytes(syn))
    first = IP(packets[0])
    del first[TCP].chksum
    checksum = raw(first)[36:38]
    frames = ethernet([packet[:36] + checksum + packet[38:] for packet in packets])
    report = json.loads(replay("--json", capture(pcap(frames))).stdout)
    assert report["refused"] == []
    assert len(report["flows"]) == 4096
    assert report["flows_not_listed"] == {"flows": 904, "segments": 904, "datagrams": 0, "bytes": 0}


# --- options and exit codes -------------------------------------------------------------------


def test_standard_input_reads_as_the_file_does():
    with PHANTUN.open("rb") as stream:
        piped = subprocess.run([REPLAY, "-"], stdin=stream, capture_output=True, check=True)
    assert piped.stdout.decode() == replay(PHANTUN).stdout


def test_the_same_file_gives_the_same_bytes_whatever_the_locale_and_zone():
    plain = replay(PHANTUN).stdout
    assert replay(PHANTUN, env={"LC_ALL": "de_DE.UTF-8", "TZ": "Asia/Tokyo"}).stdout == plain


def test_json_is_one_object_with_the_same_numbers():
    report = json.loads(replay("--json", PHANTUN).stdout)
    assert report["capture"]["packets"] == 94
    assert list(report) == ["role", "capture", "flows", "flows_not_listed", "refused", "findings"]
    assert sum(d["segments"] for f in report["flows"] for d in f["directions"]) == 92
    assert json.loads(replay("--json", "--role", "server", PHANTUN).stdout)["endpoint"]["end"] == "10.99.0.2:4567"


def test_an_expectation_is_met_or_shown(capture, tmp_path):
    expectation = tmp_path / "expected.txt"
    path = capture(pcap(ethernet(segments())))
    assert replay("--expect", expectation, path).returncode == FAILED
    assert replay("--expect", expectation, "--update-expect", path).returncode == OK
    assert expectation.read_text() == replay(path).stdout
    met = replay("--expect", expectation, path)
    assert (met.returncode, met.stdout, met.stderr) == (OK, "", "")
    expectation.write_text(expectation.read_text().replace("6 packets", "7 packets"))
    missed = replay("--expect", expectation, path)
    assert missed.returncode == DIFFERS
    assert "\n-7 packets in " in missed.stdout and "\n+6 packets in " in missed.stdout


def test_a_broken_capture_has_an_expectation_too(capture, tmp_path):
    expectation = tmp_path / "expected.txt"
    path = capture(pcap(ethernet(segments()))[:-1])
    assert replay("--expect", expectation, "--update-expect", path).returncode == OK
    assert "beyond packet 5\n" in expectation.read_text()
    assert replay("--expect", expectation, path).returncode == OK


def test_the_corpus_has_each_distinct_packet_once(capture, tmp_path):
    packets = segments()
    path = capture(pcap(ethernet([*packets, packets[0]])), "some.capture.pcap")
    assert replay("--write-corpus", tmp_path / "corpus", path).returncode == OK
    written = {file.name: file.read_bytes() for file in (tmp_path / "corpus").iterdir()}
    assert written == {f"some.capture-{i}": packet for i, packet in enumerate(packets, 1)}


def test_the_end_to_play_can_be_named(capture):
    path = capture(pcap(ethernet(segments())))
    by_itself = replay("--role", "server", "--events", path).stdout
    assert replay("--role", "server", "--end", "10.0.0.2:4567", "--events", path).stdout == by_itself
    assert "deliver flow 0 bytes 5 stride 5" in by_itself
    other = replay("--role", "server", "--end", "10.0.0.9:4567", "--events", path)
    assert events(other) == ["not-ours-address"] * 6
    client = replay("--role", "client", "--end", "10.0.0.1:40000", "--events", path)
    assert client.stdout == replay("--role", "client", "--events", path).stdout
    assert "deliver flow 0 bytes 6 stride 6" in client.stdout


def test_without_a_syn_there_is_no_end_to_play(capture):
    done = replay("--role", "server", capture(pcap(ethernet(segments()[3:]))))
    assert done.returncode == OK
    assert "name it with --end" in done.stdout


@pytest.mark.parametrize("arguments, said", [
    ([], "no capture named"),
    (["a", "b"], "unexpected argument b"),
    (["--role", "router", "a"], 'no "router"'),
    (["--end", "10.0.0.1", "--role", "server", "a"], "wants ADDRESS:PORT"),
    (["--end", "10.0.0.1:1", "a"], "name the role"),
    (["--snap", "-1", "a"], "wants a number"),
    (["--snap", "70000", "a"], "wants a number"),
    (["--snap", "sweep", "-"], "name a file"),
    (["--snap", "sweep", "--events", "a"], "no --events"),
    (["--events", "--json", "a"], "contradict"),
    (["--update-expect", "a"], "name it"),
    (["--frobnicate", "a"], "unknown option --frobnicate"),
    (["a", "--expect"], "wants a value"),
])
def test_wrong_usage_is_explained_in_one_line(arguments, said):
    done = replay(*arguments)
    assert done.returncode == USAGE
    assert done.stdout == ""
    assert said in done.stderr and done.stderr.count("\n") == 1


def test_help_and_version_come_out_on_standard_output():
    assert replay("--help").stdout.startswith("Usage: ftun-replay ")
    assert re.fullmatch(r"ftun-replay \d+\.\d+\.\d+\n", replay("--version").stdout)


def test_files_that_cannot_be_opened_are_named(tmp_path):
    missing = replay(tmp_path / "missing.pcap")
    assert missing.returncode == CAPTURE
    assert missing.stderr == f"ftun-replay: cannot open {tmp_path}/missing.pcap: No such file or directory\n"
    corpus = replay("--write-corpus", tmp_path / "no" / "where", PHANTUN)
    assert corpus.returncode == FAILED and "cannot make the directory" in corpus.stderr


def test_a_full_disk_is_noticed():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([REPLAY, PHANTUN], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == FAILED
    assert b"cannot be written" in done.stderr


def test_the_man_page_names_every_option():
    page = (ROOT / "src/replay/ftun-replay.1").read_text().replace("\\-", "-")
    for option in re.findall(r"--[a-z-]+", replay("--help").stdout):
        assert option in page
