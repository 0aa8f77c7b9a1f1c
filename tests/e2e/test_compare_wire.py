"""tools/compare-wire says of ftun what it says of the kernel, which is what its table is for."""

import json

from conftest import BUILD, ROOT
from lab import run


def test_the_table_has_equal_pairs():
    rows = json.loads(run(ROOT / "tools/compare-wire", "--build", BUILD, "--json",
                          timeout=300).stdout)
    names = [row.pop("connection") for row in rows]
    assert names == ["kernel", "ftun", "kernel, timestamps", "ftun --timestamps"]
    assert rows[0] == rows[1]
    assert rows[2] == rows[3]
    assert rows[0] != rows[2]
