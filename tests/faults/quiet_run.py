"""What a run without any fault gives: the oracle of every pulling fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Tables = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Quiet:
    """Tables of the quiet run, after the first night and after the second."""

    first: Tables
    second: Tables
