"""Comparing amounts that a system states with the amounts that they must be the sum of.

Belongs here: running a source's `sums` on its raw tables. Does not: which there are (each source's
`sums.py`), or telling people (`assets/raw_checks.py`).

A difference is no error of ours by itself: records that are read minutes apart may disagree for a
night, and a vendor may round. It is for people to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import duckdb

from revops_pipelines.engine.declarations import Sum

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """A record whose stated amount (`expected`) is not the sum of its parts (`actual`)."""

    id: str
    currency: str | None
    expected: Decimal
    actual: Decimal


@dataclass(frozen=True, slots=True)
class Summed:
    """What a sum found: records compared, how many differ, and the first of these by id."""

    sum: Sum
    compared: int
    different: int
    shown: tuple[Difference, ...]


def compare_sums(
    connection: duckdb.DuckDBPyConnection, source: str, sums: Sequence[Sum], loaded: Iterable[str]
) -> list[Summed]:
    """Compare the sums whose streams were all loaded; others would compare today with yesterday."""
    known = set(loaded)
    return [_compared(connection, source, each) for each in sums if known.issuperset(each.streams)]


def _compared(connection: duckdb.DuckDBPyConnection, source: str, each: Sum) -> Summed:
    rows = connection.execute(
        f"""
        SELECT id, currency, expected, actual,
               count(*) OVER () AS compared,
               count(*) FILTER (WHERE expected <> actual) OVER () AS different
        FROM ({each.sql.replace("@source", source)})
        WHERE expected IS NOT NULL AND actual IS NOT NULL
        QUALIFY expected <> actual OR row_number() OVER (ORDER BY id) = 1
        ORDER BY expected = actual, id LIMIT {SHOWN}
        """
    ).fetchall()
    if not rows:
        return Summed(each, 0, 0, ())
    shown = tuple(
        Difference(str(key), currency, expected, actual)
        for key, currency, expected, actual, *_ in rows
        if expected != actual
    )
    return Summed(each, int(rows[0][4]), int(rows[0][5]), shown)
