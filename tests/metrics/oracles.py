"""All oracles together: every `oracle_*.py` here that has `expected(rows, times)`.

Belongs here: finding them. Does not: any of what they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from oracle_rollup import Times

ORACLES = tuple(
    module
    for path in sorted(Path(__file__).parent.glob("oracle_*.py"))
    if hasattr(module := import_module(path.stem), "expected")
)


def expected(rows: Mapping[str, Any], times: Times) -> dict[str, Any]:
    """metric -> (grain, period, dimensions) -> value, of all oracles; each metric has one."""
    found: dict[str, Any] = {}
    for oracle in ORACLES:
        values = oracle.expected(rows, times)
        assert not found.keys() & values.keys()
        found |= values
    return found
