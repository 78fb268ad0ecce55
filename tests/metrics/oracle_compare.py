"""Compares what is published with what an oracle says, number by number.

Belongs here: the comparison. Does not: either side.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import duckdb
from oracle_rollup import Key

NUMBERS = ("numerator", "denominator", "value")


def differences(
    connection: duckdb.DuckDBPyConnection, metric: str, wanted: Mapping[Key, Mapping[str, Any]]
) -> dict[Key, tuple[Any, Any]]:
    """(grain, period, dimensions) -> (published, expected), wherever they differ."""
    found = _published(connection, metric)
    rounded = {
        key: dict(value) | {name: _exact(value[name]) for name in NUMBERS}
        for key, value in wanted.items()
    }
    return {
        key: (found.get(key), rounded.get(key))
        for key in found.keys() | rounded.keys()
        if not _alike(found.get(key), rounded.get(key))
    }


def _published(connection: duckdb.DuckDBPyConnection, metric: str) -> dict[Key, dict[str, Any]]:
    rows = connection.execute(
        "SELECT grain, period_start_on, CAST(dimensions AS VARCHAR), numerator, denominator, "
        "value, n, CAST(excluded AS VARCHAR), is_mature "
        "FROM metrics.metric_values WHERE metric = ?",
        [metric],
    ).fetchall()
    return {
        (grain, start, json.dumps(json.loads(dimensions), separators=(",", ":"))): {
            **dict(zip(NUMBERS, map(_exact, numbers), strict=True)),
            "n": n,
            "excluded": json.loads(excluded),
            "is_mature": is_mature,
        }
        for grain, start, dimensions, *numbers, n, excluded, is_mature in rows
    }


def _exact(value: Any) -> Any:
    """In ten-millionths, one less than what the table holds."""
    return None if value is None else round(Fraction(value) * 10**7)


def _alike(found: Any, wanted: Any) -> bool:
    """Equal, but for the last of seven decimals."""
    if found is None or wanted is None:
        return False
    for name, value in wanted.items():
        if name in NUMBERS and None not in (value, found[name]):
            if abs(value - found[name]) > 1:
                return False
        elif value != found[name]:
            return False
    return True
