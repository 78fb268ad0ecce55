"""Finds the line on which a TOML file says something, so that an error can name it.

Belongs here: locating keys and tables in TOML text. Does not: what the keys mean.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADER = re.compile(r"^\s*\[\[?\s*(?P<name>[^\]]+?)\s*\]\]?")
_KEY = re.compile(r"^\s*(?P<key>[A-Za-z0-9_\-.\"']+)\s*=")


def line_of(text: str, path: Sequence[str]) -> int | None:
    """The 1-based line that sets `path`, or that of its nearest enclosing table; None if absent.

    >>> line_of("[company]\\nname = 'A'\\n", ["company", "name"])
    2
    """
    wanted = tuple(str(part) for part in path)
    best: tuple[int, int] | None = None
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header:
            table = _parts(header["name"])
            here = table
        else:
            assignment = _KEY.match(line)
            if not assignment:
                continue
            here = table + _parts(assignment["key"])
        depth = len(here)
        if here == wanted[:depth] and (best is None or depth > best[0]):
            best = (depth, number)
    return best[1] if best else None


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
