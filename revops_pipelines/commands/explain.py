"""`revops explain`: the records behind a number, what was left out, and what moved it.

Belongs here: which period is meant, and how it is shown. Does not: taking it apart
(`engine.metrics.explain`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.failures import MISCONFIGURED, CommandError
from revops_pipelines.commands.query import opened
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.explain import Explanation, explain
from revops_pipelines.engine.metrics.explain_rows import NothingToExplainError
from revops_pipelines.engine.metrics.parts import Group, Number
from revops_pipelines.engine.plugin_tables import nearest
from revops_pipelines.reporting.drilldown import exactly
from revops_pipelines.reporting.moved import part_shown
from revops_pipelines.reporting.numbers import shown
from revops_pipelines.reporting.sheets import write_csv

CSV_COLUMNS = (
    *("record", "name", "numerator", "denominator", "duration", "is_open"),
    *("before_numerator", "before_denominator", "part_of_change", "left_out", "url"),
)


def explain_value(
    console: Console,
    name: str,
    *,
    period: str | None,
    grain: str,
    where: Sequence[str],
    by: str | None,
    top: int,
    csv_file: Path | None,
    as_json: bool,
) -> None:
    """Show one value taken apart. Raises CommandError where there is none such."""
    settings = settings_or_fail()
    metrics = _metrics(settings.plugins.folder)
    published = sorted(one for metric in metrics for one in metric.published)
    if name not in published:
        raise CommandError(
            f"there is no metric {name!r}; {nearest(name, published)}", code=MISCONFIGURED
        )
    with opened(settings.published_path) as connection:
        start = _period(connection, name, grain, period)
        try:
            told = explain(connection, metrics, name, grain, start, _where(where))
        except NothingToExplainError as error:
            raise CommandError(str(error), code=MISCONFIGURED) from None
    if by is not None and by not in told.groups:
        raise CommandError(
            f"{name} is not broken down by {by!r}; {nearest(by, told.groups)}",
            code=MISCONFIGURED,
        )
    if csv_file is not None:
        write_csv(csv_file, CSV_COLUMNS, _rows(told))
    if as_json:
        typer.echo(json.dumps(document(told), indent=2, ensure_ascii=False, default=str))
    else:
        _show(console, told, settings.company.base_currency, by, top)
        if csv_file is not None:
            console.print(f"All records: {csv_file}", soft_wrap=True)


def _metrics(folder: Path | None) -> tuple[Metric, ...]:
    from revops_pipelines.assets import metrics as metric_plugins
    from revops_pipelines.engine.registry import discover

    return tuple(discover(metric_plugins, Metric, folder).values())


def _where(conditions: Sequence[str]) -> dict[str, str]:
    found = {}
    for condition in conditions:
        column, equals, member = condition.partition("=")
        if not equals:
            raise CommandError(
                f"--where {condition} says nothing of a value",
                remedy="write it as segment=SMB",
                code=MISCONFIGURED,
            )
        found[column.strip()] = member.strip()
    return found


def _period(
    connection: duckdb.DuckDBPyConnection, name: str, grain: str, period: str | None
) -> date:
    """The period's first day: of the one named, else of the last that can be judged."""
    if period is None:
        row = connection.execute(
            "SELECT COALESCE(MAX(period_start_on) FILTER (is_mature AND value IS NOT NULL), "
            "MAX(period_start_on)) FROM metrics.metric_values WHERE metric = ? AND grain = ? "
            "AND CAST(dimensions AS VARCHAR) = '{}'",
            [name, grain],
        ).fetchone()
        day = row[0] if row else None
        if day is None:
            raise CommandError(f"{name} has no value by {grain} yet", code=MISCONFIGURED)
    else:
        day = month_of(period)
    row = connection.execute(
        "SELECT period_start_on FROM ops.periods "
        "WHERE grain = ? AND period_start_on <= ? AND period_end_on > ?",
        [grain, day, day],
    ).fetchone()
    if row is None:
        raise CommandError(f"no {grain} of the calendar holds {day}", code=MISCONFIGURED)
    start: date = row[0]
    return start


def month_of(period: str) -> date:
    """The first day of a month written as 2026-05, or the day itself. Raises CommandError."""
    text = f"{period}-01" if re.fullmatch(r"\d{4}-\d\d", period) else period
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"--period {period} is no month and no day",
            remedy="write it as 2026-05, or as any day in the period",
            code=MISCONFIGURED,
        ) from None


def document(told: Explanation) -> dict[str, Any]:
    """The explanation as one JSON document; numbers as floats."""
    return {
        "metric": told.name,
        "title": told.series.title,
        "unit": told.series.unit,
        "meaning": told.metric.meaning,
        "grain": told.grain,
        "period_start_on": told.period_start_on.isoformat(),
        "where": dict(told.where),
        "value": _plain(told.value),
        "numerator": _plain(told.numerator),
        "denominator": _plain(told.denominator),
        "n": told.n,
        "lower": _plain(told.published.get("lower")),
        "upper": _plain(told.published.get("upper")),
        "is_mature": told.published.get("is_mature"),
        "policy": told.published.get("policy"),
        "as_of_at": told.published.get("as_of_at"),
        "before": {
            "period_start_on": told.before_on and told.before_on.isoformat(),
            "value": _plain(told.before),
        },
        "parts_of_change": {
            column: [
                {
                    "member": group.member,
                    "numerator": _plain(group.numerator),
                    "denominator": _plain(group.denominator),
                    "value": _plain(group.value),
                    "before": _plain(group.before),
                    "part": _plain(group.part),
                }
                for group in groups
            ]
            for column, groups in told.groups.items()
        },
        "records": [
            dict(zip(CSV_COLUMNS, row, strict=True)) for row in _rows(told) if row[9] is None
        ],
        "left_out": [
            {"reason": each.reason, "n": each.count, "records": each.subjects}
            for each in told.left_out
        ],
    }


def _plain(value: Number) -> float | None:
    return None if value is None else float(value)


def _rows(told: Explanation) -> list[tuple[Any, ...]]:
    """Every record as CSV_COLUMNS: those that count, then those left out."""
    rows: list[tuple[Any, ...]] = [
        (
            *(record.subject, record.name),
            *(_plain(record.numerator), _plain(record.denominator)),
            *(record.duration, record.is_open),
            *(_plain(record.before_numerator), _plain(record.before_denominator)),
            *(_plain(record.part), None, record.url),
        )
        for record in told.records
    ]
    nothing = (None,) * 8
    return rows + [
        (subject, *nothing, each.reason, None)
        for each in told.left_out
        for subject in each.subjects
    ]


def _show(console: Console, told: Explanation, currency: str, by: str | None, top: int) -> None:
    unit = told.series.unit
    console.print(
        f"[bold]{told.series.title}[/], {_headline(told)}: [bold]{_value(told, currency)}[/]"
    )
    console.print(f"[dim]{told.metric.meaning}[/]")
    if told.before is not None and told.value is not None:
        change = Fraction(told.value) - Fraction(told.before)
        console.print(
            f"{told.grain} before: {shown(_float(told.before), unit, currency)}, "
            f"moved by {part_shown(change, unit, currency)}"
        )
    for column, groups in told.groups.items():
        if column == (by or next(iter(told.groups))):
            console.print(_groups_table(told, column, groups[:top], currency))
    others = [column for column in told.groups if column != (by or next(iter(told.groups)))]
    if others:
        console.print(f"[dim]--by {', '.join(others)}[/]")
    console.print(_records_table(told, currency, top))
    if len(told.records) > top:
        # A change has parts of records that were in the period before and are no more.
        is_of_both = any(record.part is not None for record in told.records)
        of = f" of this {told.grain} or the one before" if is_of_both else ""
        console.print(f"{top} of {len(told.records):,} records{of}; --csv FILE writes all.")
    if told.left_out:
        console.print(_left_out_table(told))


def _headline(told: Explanation) -> str:
    where = "".join(f", {column} {member}" for column, member in told.where.items())
    period = (
        told.period_start_on.strftime("%B %Y")
        if told.grain == "month"
        else (f"{told.grain} from {told.period_start_on}")
    )
    return f"{period}{where}"


def _value(told: Explanation, currency: str) -> str:
    unit = told.series.unit
    text = shown(_float(told.value), unit, currency)
    if told.divides and told.numerator is not None and told.denominator is not None:
        text += f" = {exactly(told.numerator)} / {exactly(told.denominator)}"
    lower, upper = told.published.get("lower"), told.published.get("upper")
    if lower is not None and upper is not None:
        text += f" ({shown(lower, unit, currency)} to {shown(upper, unit, currency)})"
    return f"{text}, n = {told.n:,}"


def _groups_table(told: Explanation, column: str, groups: Sequence[Group], currency: str) -> Table:
    unit = told.series.unit
    table = Table(title=f"By {column}", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(column)
    for heading in ("value", f"{told.grain} before", "part of the change"):
        table.add_column(heading, justify="right", no_wrap=True)
    for group in groups:
        table.add_row(
            group.label or group.member,
            shown(_float(group.value), unit, currency),
            shown(_float(group.before), unit, currency),
            part_shown(group.part, unit, currency),
        )
    return table


def _records_table(told: Explanation, currency: str, top: int) -> Table:
    unit = told.series.unit
    has_durations = any(record.duration is not None for record in told.records)
    headings: Mapping[str, Any] = (
        {"duration": lambda record: _duration(record.duration, record.is_open, unit, currency)}
        if has_durations
        else {
            "numerator": lambda record: exactly(record.numerator),
            **({"denominator": lambda record: exactly(record.denominator)} if told.divides else {}),
            "part of the change": lambda record: part_shown(record.part, unit, currency),
        }
    )
    table = Table(title="Records", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("record", overflow="fold")
    table.add_column("name")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for record in told.records[:top]:
        cells = [cell(record) for cell in headings.values()]
        name = f"[link={record.url}]{record.subject}[/link]" if record.url else record.subject
        table.add_row(name, record.name, *cells)
    return table


def _left_out_table(told: Explanation) -> Table:
    table = Table(title="Left out", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("reason")
    table.add_column("n", justify="right")
    table.add_column("for example", overflow="fold")
    for each in told.left_out:
        table.add_row(each.reason, f"{each.count:,}", ", ".join(each.subjects[:3]))
    return table


def _duration(value: float | None, is_open: bool, unit: str, currency: str) -> str:
    return shown(value, unit, currency) + (" so far" if is_open and value is not None else "")


def _float(value: Number) -> float | None:
    return None if value is None else float(value)
