"""Takes a published value apart: the records behind it, what was left out, what moved it.

Belongs here: reading facts of one period and the one before, and sharing a change out over groups.
Does not: showing it (`commands/explain`, `reporting`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Any

import duckdb

from revops_pipelines.engine.metrics.declaration import Metric, Series
from revops_pipelines.engine.metrics.explain_rows import (
    NothingToExplainError,
    cells_of,
    names_of,
    people_of,
    period_before,
    published_values,
    with_published,
)
from revops_pipelines.engine.metrics.parts import Cell, Group, Number, Shares, summed


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
class LeftOut:
    """A reason, how many it left out, and which."""

    reason: str
    count: int
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A value with all that defends it; `divides` says whether there is a denominator.

    `value` is what is published, where it is; for breakdowns that are not, it is made of the
    records, and None where they do not add up. `published` has the interval, the policy and the
    instant of knowledge of the published value.
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
    before_on = period_before(connection, name, grain, period_start_on)
    cells = cells_of(connection, series, columns, grain, (period_start_on, before_on), where)
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
    cells: Sequence[Cell],
) -> Explanation:
    counted = [cell for cell in cells if cell.excluded is None]
    shares = Shares(counted, series)
    published = published_values(connection, name, grain, (period_start_on, before_on), where)
    is_whole = period_start_on in published
    value = published[period_start_on]["value"] if is_whole else shares.value(now=True)
    before = published.get(before_on, {}).get("value") if is_whole else shares.value(now=False)
    adds_up = shares.is_plain and all(
        shares.adds_up(published[on], now=on == period_start_on)
        for on in (period_start_on, before_on)
        if on in published
    )
    told = names_of(connection, series.subject, {cell.subject for cell in counted})
    groups = {
        column: shares.groups(place, adds_up)
        for place, column in enumerate(columns)
        if column not in where
    }
    people = people_of(connection)
    if not shares.is_plain and not where:
        groups = with_published(connection, name, grain, (period_start_on, before_on), groups)
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
        records=_records(shares, told, adds_up),
        groups={
            column: tuple(replace(group, label=people.get(group.member, "")) for group in members)
            for column, members in groups.items()
        },
        left_out=_left_out(cells),
        published=published.get(period_start_on, {}),
    )


def _records(
    shares: Shares, told: Mapping[str, tuple[str, str]], adds_up: bool
) -> tuple[Record, ...]:
    by_subject: dict[str, list[Cell]] = defaultdict(list)
    for cell in shares.cells:
        by_subject[cell.subject].append(cell)
    records = []
    for subject, cells in by_subject.items():
        if not shares.is_plain and not any(cell.is_now for cell in cells):
            continue
        now = summed(cell for cell in cells if cell.is_now)
        before = summed(cell for cell in cells if not cell.is_now)
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


def _left_out(cells: Sequence[Cell]) -> tuple[LeftOut, ...]:
    found: dict[str, list[Cell]] = defaultdict(list)
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
