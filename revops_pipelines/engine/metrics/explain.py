"""Takes a published value apart: the records behind it, what was left out, what moved it.

Belongs here: reading facts of one period and the one before, and sharing a change out over groups.
Does not: showing it (`commands/explain`, `reporting`).

A share N / D that was r before moves by the sum over groups of (N_g - r D_g) / D. Taken for both
periods, with the same r, the two sums differ by exactly the change, because the earlier one is
zero; so every group has a part, and the parts add up to what happened, without a residual.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import duckdb

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.contracts.contract import columns_of, identifiers_of
from revops_pipelines.engine.metrics.declaration import Metric, Ratio, Series
from revops_pipelines.engine.metrics.render import render_facts

Number = Decimal | Fraction | float | int | None

# A conformed entity's key -> the entity.
SUBJECTS: dict[str, str] = {
    keys[0]: entity
    for entity, contract in CONTRACTS.items()
    if len(keys := identifiers_of(contract)) == 1
}
# What is shown of a record; people are known by their link alone.
_NAMED = frozenset({"opportunities", "customers", "accounts", "campaigns"})


class NothingToExplainError(LookupError):
    """There is no such value; the message says what there is."""


@dataclass(frozen=True, slots=True)
class Record:
    """What one subject brings into a value, in the period and in the one before.

    `duration` is there for durations instead, `is_open` while it lasts. `part` is its share of the
    change; None where parts do not add up (medians).
    """

    subject: str
    name: str
    url: str
    numerator: Fraction
    denominator: Fraction
    before_numerator: Fraction
    before_denominator: Fraction
    part: Fraction | None
    duration: float | None = None
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """What one member of a dimension brings in, and its part of the change."""

    member: str
    numerator: Fraction
    denominator: Fraction
    value: Number
    before: Number
    part: Fraction | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A reason, how many it left out, and which."""

    reason: str
    count: int
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A value with all that defends it. `divides` says whether there is a denominator.

    `value` is computed from the records; where nothing was filtered it equals what is published.
    """

    metric: Metric
    series: Series
    name: str
    grain: str
    period_start_on: date
    before_on: date | None
    where: Mapping[str, str]
    value: Number
    before: Number
    numerator: Fraction | None
    denominator: Fraction | None
    n: int
    divides: bool
    records: tuple[Record, ...]
    groups: Mapping[str, tuple[Group, ...]]
    left_out: tuple[LeftOut, ...]
    published: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Cell:
    """One subject, its dimensions and reason, in one period."""

    is_now: bool
    subject: str
    excluded: str | None
    members: tuple[str, ...]
    numerator: Fraction
    denominator: Fraction
    n: int
    duration: float | None
    is_open: bool


def series_of(metrics: Iterable[Metric], name: str) -> tuple[Metric, Series]:
    """The metric and series that publish an id. Raises NothingToExplainError."""
    for metric in metrics:
        for series in metric.series:
            if name in series.metrics and series.has_total:
                return metric, series
    raise NothingToExplainError(f"there is no metric {name!r}")


def explain(
    connection: duckdb.DuckDBPyConnection,
    metrics: Iterable[Metric],
    name: str,
    grain: str,
    period_start_on: date,
    where: Mapping[str, str] | None = None,
) -> Explanation:
    """Take one value apart, on a connection that can read the published tables.

    `where` keeps the facts of some members: column -> member, as in the dimensions. Raises
    NothingToExplainError where there is no such metric, period, dimension or fact.
    """
    metric, series = series_of(metrics, name)
    where = where or {}
    columns = tuple(dict.fromkeys(one for each in series.dimensions for one in each))
    unknown = sorted(set(where) - set(columns))
    if unknown:
        raise NothingToExplainError(
            f"{name} is not broken down by {', '.join(unknown)}; it is by {', '.join(columns)}"
        )
    before_on = _before(connection, name, grain, period_start_on)
    cells = _cells(connection, series, columns, grain, (period_start_on, before_on), where)
    now = [cell for cell in cells if cell.is_now]
    if not now:
        raise NothingToExplainError(
            f"{name} has no facts in {grain} {period_start_on} {dict(where)}"
        )
    return _explained(
        connection, metric, series, name, grain, period_start_on, before_on, where, columns, cells
    )


def _explained(
    connection: duckdb.DuckDBPyConnection,
    metric: Metric,
    series: Series,
    name: str,
    grain: str,
    period_start_on: date,
    before_on: date | None,
    where: Mapping[str, str],
    columns: Sequence[str],
    cells: Sequence[_Cell],
) -> Explanation:
    counted = [cell for cell in cells if cell.excluded is None]
    shares = _Shares(counted, series)
    published = _published(connection, name, grain, (period_start_on, before_on))
    is_whole = not where and period_start_on in published
    value = published[period_start_on]["value"] if is_whole else shares.value(now=True)
    before = published.get(before_on, {}).get("value") if is_whole else shares.value(now=False)
    adds_up = is_whole and shares.adds_up(published[period_start_on])
    told = _names(connection, series.subject, {cell.subject for cell in counted})
    return Explanation(
        metric=metric,
        series=series,
        name=name,
        grain=grain,
        period_start_on=period_start_on,
        before_on=before_on,
        where=where,
        value=value,
        before=before,
        numerator=shares.total(now=True)[0] if shares.is_ratio else None,
        denominator=shares.total(now=True)[1] if shares.divides else None,
        n=int(published[period_start_on]["n"])
        if is_whole
        else sum(cell.n for cell in counted if cell.is_now),
        divides=shares.divides,
        records=_records(shares, told, adds_up or bool(where)),
        groups={
            column: shares.groups(place, adds_up or bool(where))
            for place, column in enumerate(columns)
            if column not in where
        },
        left_out=_left_out(cells),
        published=published.get(period_start_on, {}),
    )


class _Shares:
    """Sums over cells, and the parts that groups of them have in a change."""

    def __init__(self, cells: Sequence[_Cell], series: Series) -> None:
        self.cells = cells
        self.is_ratio = isinstance(series.rollup, Ratio)
        self.divides = isinstance(series.rollup, Ratio) and series.rollup.denominator is not None
        self.is_plain = isinstance(series.rollup, Ratio) and series.rollup.value is None
        self._totals = {now: _sum(cell for cell in cells if cell.is_now is now) for now in (0, 1)}

    def total(self, *, now: bool) -> tuple[Fraction, Fraction]:
        """Numerator and denominator of all."""
        return self._totals[now]

    def value(self, *, now: bool) -> Number:
        """The quotient, or the numerator where nothing divides; None where it cannot be told."""
        return self._value(self.total(now=now)) if self.is_plain else None

    def _value(self, parts: tuple[Fraction, Fraction]) -> Fraction | None:
        if not self.divides:
            return parts[0]
        return parts[0] / parts[1] if parts[1] else None

    def adds_up(self, published: Mapping[str, Any]) -> bool:
        """Whether the subjects' parts make the published numbers: not so for medians."""
        if not self.is_plain:
            return False
        total = self.total(now=True)
        wanted = (published["numerator"], published["denominator"] if self.divides else None)
        return all(
            told is None or abs(Fraction(told) - mine) <= Fraction(1, 10**6)
            for told, mine in zip(wanted, total, strict=True)
        )

    def part(
        self, now: tuple[Fraction, Fraction], before: tuple[Fraction, Fraction]
    ) -> Fraction | None:
        """What a group did to the change; None where there was no value before."""
        if not self.divides:
            return now[0] - before[0]
        rate = self._value(self.total(now=False))
        (_, all_now), (_, all_before) = self.total(now=True), self.total(now=False)
        if rate is None or not all_now:
            return None
        return (now[0] - rate * now[1]) / all_now - (before[0] - rate * before[1]) / all_before

    def groups(self, place: int, adds_up: bool) -> tuple[Group, ...]:
        """The members of a dimension, those that did most first."""
        found: dict[str, list[_Cell]] = defaultdict(list)
        for cell in self.cells:
            found[cell.members[place]].append(cell)
        groups = [self._group(member, cells, adds_up) for member, cells in found.items()]
        return tuple(sorted(groups, key=lambda group: (-abs(group.part or 0), group.member)))

    def _group(self, member: str, cells: Sequence[_Cell], adds_up: bool) -> Group:
        now = _sum(cell for cell in cells if cell.is_now)
        before = _sum(cell for cell in cells if not cell.is_now)
        return Group(
            member=member,
            numerator=now[0],
            denominator=now[1],
            value=self._value(now) if self.is_plain else None,
            before=self._value(before) if self.is_plain else None,
            part=self.part(now, before) if adds_up and self.is_plain else None,
        )


def _records(
    shares: _Shares, told: Mapping[str, tuple[str, str]], adds_up: bool
) -> tuple[Record, ...]:
    by_subject: dict[str, list[_Cell]] = defaultdict(list)
    for cell in shares.cells:
        by_subject[cell.subject].append(cell)
    records = []
    for subject, cells in by_subject.items():
        now = _sum(cell for cell in cells if cell.is_now)
        before = _sum(cell for cell in cells if not cell.is_now)
        durations = [cell for cell in cells if cell.is_now and cell.duration is not None]
        name, url = told.get(subject, ("", ""))
        records.append(
            Record(
                subject,
                name,
                url,
                *now,
                *before,
                part=shares.part(now, before) if adds_up and shares.is_plain else None,
                duration=durations[0].duration if durations else None,
                is_open=bool(durations and durations[0].is_open),
            )
        )
    return tuple(
        sorted(
            records,
            key=lambda record: (
                -abs(record.part or 0),
                -abs(record.numerator),
                -(record.duration or 0),
                record.subject,
            ),
        )
    )


def _sum(cells: Iterable[_Cell]) -> tuple[Fraction, Fraction]:
    numerator = denominator = Fraction(0)
    for cell in cells:
        numerator += cell.numerator
        denominator += cell.denominator
    return numerator, denominator


def _left_out(cells: Sequence[_Cell]) -> tuple[LeftOut, ...]:
    found: dict[str, list[_Cell]] = defaultdict(list)
    for cell in cells:
        if cell.is_now and cell.excluded is not None:
            found[cell.excluded].append(cell)
    return tuple(
        LeftOut(
            reason,
            sum(cell.n for cell in cells),
            tuple(sorted(cell.subject for cell in cells)),
        )
        for reason, cells in sorted(found.items())
    )


def _cells(
    connection: duckdb.DuckDBPyConnection,
    series: Series,
    columns: Sequence[str],
    grain: str,
    periods: tuple[date, date | None],
    where: Mapping[str, str],
) -> list[_Cell]:
    """One row per subject, reason and members, aggregated as the metric's own roll-up does."""
    rollup = series.rollup
    if isinstance(rollup, Ratio):
        count = f"CASE WHEN excluded IS NULL THEN {rollup.n} ELSE COUNT(*) END"
        sums = f"{rollup.numerator}, {rollup.denominator or 'NULL'}, NULL, FALSE, {count}"
    else:
        sums = "NULL, NULL, MAX(duration), BOOL_OR(NOT is_observed), COUNT(*)"
    group = ["period_start_on", series.subject, "excluded", *columns]
    kept = "".join(f' AND "{column}" = ?' for column in where)
    rows = connection.execute(
        f"SELECT {', '.join(group)}, {sums} FROM ({render_facts(series)}) AS facts "
        f"WHERE grain = ? AND period_start_on IN (?, ?){kept} GROUP BY {', '.join(group)}",
        [grain, periods[0], periods[1] or periods[0], *where.values()],
    ).fetchall()
    return [
        _Cell(
            is_now=row[0] == periods[0],
            subject=str(row[1]),
            excluded=row[2],
            members=tuple(row[3 : 3 + len(columns)]),
            numerator=Fraction(row[-5] or 0),
            denominator=Fraction(row[-4] or 0),
            n=int(row[-1]),
            duration=None if row[-3] is None else float(row[-3]),
            is_open=bool(row[-2]),
        )
        for row in rows
    ]


def _before(
    connection: duckdb.DuckDBPyConnection, name: str, grain: str, period_start_on: date
) -> date | None:
    found = connection.execute(
        "SELECT previous_start_on FROM ops.periods WHERE grain = ? AND period_start_on = ?",
        [grain, period_start_on],
    ).fetchone()
    if found is None:
        raise NothingToExplainError(f"no {grain} of {name} begins on {period_start_on}")
    before: date | None = found[0]
    return before


def _published(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    grain: str,
    periods: tuple[date, date | None],
) -> dict[date | None, dict[str, Any]]:
    cursor = connection.execute(
        "SELECT period_start_on, value, numerator, denominator, n, n_excluded, lower, upper, "
        "is_mature, policy, as_of_at FROM metrics.metric_values WHERE metric = ? AND grain = ? "
        "AND CAST(dimensions AS VARCHAR) = '{}' AND period_start_on IN (?, ?)",
        [name, grain, periods[0], periods[1] or periods[0]],
    )
    names = [column[0] for column in cursor.description]
    return {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def _names(
    connection: duckdb.DuckDBPyConnection, key: str, subjects: set[str]
) -> dict[str, tuple[str, str]]:
    """Subject -> (name, link to the record in its system), as far as its entity has them."""
    entity = SUBJECTS[key]
    columns = columns_of(CONTRACTS[entity])
    name = "name" if "name" in columns and entity in _NAMED else "NULL"
    url = "url" if "url" in columns else "NULL"
    rows = connection.execute(
        f"SELECT {key}, {name}, {url} FROM conformed.{entity} WHERE {key} IN (SELECT UNNEST(?))",
        [sorted(subjects)],
    ).fetchall()
    return {row[0]: (row[1] or "", row[2] or "") for row in rows}
