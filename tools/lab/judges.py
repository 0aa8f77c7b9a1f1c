"""What others say of a capture: p0f, tshark, nDPI."""

import re
import subprocess


def _ask(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def p0f(path):
    """The raw signatures of the first SYN and SYN-ACK."""
    found = {}
    for kind, signature in re.findall(r"\((syn|syn\+ack)\) \]-.*?raw_sig\s*= (\S+)",
                                      _ask("p0f", "-r", str(path)), re.DOTALL):
        found.setdefault(kind, signature)
    if found.keys() != {"syn", "syn+ack"}:
        raise RuntimeError(f"p0f sees no handshake in {path}")
    return found


def tshark(path):
    """The errors, warnings and notes of tshark's expert analysis, without how many of each."""
    found, wanted = set(), False
    for line in _ask("tshark", "-r", str(path), "-q", "-z", "expert").splitlines():
        heading = re.fullmatch(r"(\w+) \(\d+\)", line)
        if heading:
            wanted = heading.group(1) in ("Errors", "Warns", "Notes")
        row = re.fullmatch(r"\s*\d+\s+(\w+)\s+(\w+)\s+(.*)", line)
        if wanted and row:
            found.add(row.group(3).strip())
    return found


def ndpi(path):
    """The risks that nDPI sees."""
    text = _ask("ndpiReader", "-i", str(path), "-v", "2")
    if not re.search(r"TCP \S+ <-> \S+", text):
        raise RuntimeError(f"ndpiReader sees no flow in {path}")
    return {risk.strip(" *") for risks in re.findall(r"\[Risk: ([^\]]*)\]", text)
            for risk in re.findall(r"\*\*([^*]+)\*\*", risks)}
