"""Rows as CSV that a spreadsheet can open without running what is in them.

Belongs here: the file. Does not: which rows.

A cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return is a formula to Excel,
LibreOffice and Google Sheets, however it is quoted; text of others gets an apostrophe before it
(OWASP, "CSV Injection"). A formula also begins after blanks, and after a full-width sign. Numbers
stay numbers: -5 is no formula. Whoever reads the file by a program takes one leading apostrophe off
a text that has one of these signs behind it (`as_written`), and has what was there.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

# The last four are the full-width forms, which Excel takes for the same signs.
_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write_csv(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a heading and rows, UTF-8, for nobody else to read (0600)."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([inert(name) for name in names])
        writer.writerows([inert(cell) for cell in row] for row in rows)


def inert(cell: Any) -> Any:
    """A cell that no spreadsheet runs; anything but text is as it was.

    >>> inert("=HYPERLINK(1)"), inert("Acme"), inert(-5), inert("  @SUM(1)"), inert("'=1")
    ("'=HYPERLINK(1)", 'Acme', -5, "'  @SUM(1)", "''=1")
    """
    if not isinstance(cell, str):
        return cell
    # What begins with an apostrophe already gets one more: taking one off gives it back.
    text = cell.lstrip(" '")
    return f"'{cell}" if text.startswith(_BEGINS) or cell.startswith(_BEGINS) else cell


def as_written(cell: str) -> str:
    """What `inert` was given, as text.

    >>> as_written("'=HYPERLINK(1)"), as_written("'tis"), as_written(inert("'=1"))
    ('=HYPERLINK(1)', "'tis", "'=1")
    """
    return cell[1:] if cell.startswith("'") and inert(cell[1:]) == cell else cell
