"""The documented list of automated fault rows is what the tests' names say."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"\b[HPDLS]\d+\b")


def test_every_row_said_to_be_automated_is():
    text = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
    automated = text.split("## Automated")[1].split("## Held by")[0]
    wrong = []
    for line in automated.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 4 or not ROW.search(cells[1]):
            continue
        source = (ROOT / cells[3].strip("`")).read_text(encoding="utf-8")
        wrong += [
            f"{row} in {cells[3]}"
            for row in ROW.findall(cells[1])
            if not re.search(rf"def test_(?:[hpdls]\d+_)*{row.lower()}_", source)
        ]
    assert wrong == []


def test_no_row_is_tested_without_being_listed():
    listed = set(ROW.findall((ROOT / "docs/faults.md").read_text(encoding="utf-8")))
    tested = {
        name.upper()
        for path in (ROOT / "tests").rglob("test_*.py")
        for names in re.findall(r"def test_((?:[hpdls]\d+_)+)", path.read_text(encoding="utf-8"))
        for name in names.strip("_").split("_")
    }
    assert tested <= listed
