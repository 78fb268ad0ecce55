"""`revops metrics`: published values, and the same as they were known on an earlier day.

Belongs here: which period is shown, and then beside now. Does not: rebuilding (`rebuild`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from revops_pipelines.assets import metrics as metric_plugins
from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.failures import FAILED, MISCONFIGURED, UNAVAILABLE, CommandError
from revops_pipelines.commands.query import opened
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.plugin_tables import nearest
from revops_pipelines.engine.registry import discover
from revops_pipelines.engine.warehouse.open import open_warehouse
from revops_pipelines.reporting.numbers import shown
from revops_pipelines.settings import Settings

Values = dict[tuple[str, date], "Value"]


@dataclass(frozen=True, slots=True)
class Value:
    """One total of one period."""

    value: Decimal | None
    n: int
    is_mature: bool
    unit: str


def show_metrics(
    out: Console,
    err: Console,
    names: Sequence[str],
    *,
    as_of: date | None,
    grain: str,
    periods: int,
    keep: Path | None,
    as_json: bool,
) -> None:
    """Show the last periods of the named metrics (all, if none is named).

    With `as_of`, what was known at the end of that day stands beside what is known now. Raises
    CommandError for an unknown name, a day to come, or while a run writes the warehouse.
    """
    settings = settings_or_fail()
    metrics = discover(metric_plugins, Metric, settings.plugins.folder)
    for name in names:
        if name not in metrics:
            raise CommandError(
                f"there is no metric {name!r}; {nearest(name, metrics)}", code=MISCONFIGURED
            )
    wanted = list(names) or list(metrics)
    with opened(settings.published_path) as connection:
        now, known_at = _values(connection, wanted, grain), _as_of(connection)
    if as_of is None:
        if keep is not None:
            raise CommandError(
                "--keep needs --as-of: it keeps what was rebuilt", code=MISCONFIGURED
            )
        then = now
    else:
        known_at = min(known_at, _end_of(as_of, settings, known_at))
        with _rebuilt(settings, known_at, wanted, err, keep) as connection:
            # At midnight the next period has begun, and nothing of it has happened.
            found = _values(connection, wanted, grain)
            then = {key: value for key, value in found.items() if key[1] <= as_of}
    lines = _lines(metrics, wanted, then, now, periods)
    if as_json:
        typer.echo(json.dumps({"as_of": known_at, "values": lines}, indent=2, default=str))
        return
    out.print(f"As known at {known_at:%Y-%m-%d %H:%M} UTC")
    out.print(_table(lines, settings.company.base_currency, compared=as_of is not None))
    if keep is not None:
        out.print(f"Rebuilt warehouse: {keep}", soft_wrap=True)


def _end_of(day: date, settings: Settings, known_at: datetime) -> datetime:
    """The end of a day in the reporting zone. Raises CommandError for a day that is to come."""
    begins = datetime.combine(day, time(), settings.zone).astimezone(UTC)
    if begins > known_at:
        raise CommandError(
            f"--as-of {day} lies after what is published, of {known_at:%Y-%m-%d %H:%M} UTC",
            remedy="name an earlier day, or run `revops run nightly` first",
            code=MISCONFIGURED,
        )
    return datetime.combine(day + timedelta(days=1), time(), settings.zone).astimezone(UTC)


@contextmanager
def _rebuilt(
    settings: Settings, at: datetime, wanted: Sequence[str], err: Console, keep: Path | None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A file of its own, filled with what was known; removed at the end unless it is kept."""
    from revops_pipelines.rebuild import rebuild
    from revops_pipelines.resources.systems import systems_of

    if not settings.warehouse_path.is_file():
        raise CommandError(
            "there is no warehouse yet", remedy="run `revops run nightly` first", code=UNAVAILABLE
        )
    path = keep or settings.home / f"as_of.{os.getpid()}.duckdb"
    if path.exists():
        raise CommandError(f"{path} is there already", remedy="name another file", code=FAILED)
    try:
        with open_warehouse(path) as connection, err.status("Rebuilding") as status:
            try:
                rebuild(
                    connection,
                    settings.warehouse_path,
                    settings,
                    systems_of(settings),
                    at,
                    wanted,
                    lambda step: status.update(f"Rebuilding: {step}"),
                )
            except duckdb.IOException as error:
                raise CommandError(
                    f"{settings.warehouse_path.name} cannot be read: "
                    f"{str(error).splitlines()[0][:120]}",
                    remedy="try again when no run is writing it",
                    code=UNAVAILABLE,
                ) from None
            status.stop()
            yield connection
    finally:
        if keep is None:
            path.unlink(missing_ok=True)
            path.with_name(path.name + ".wal").unlink(missing_ok=True)


def _as_of(connection: duckdb.DuckDBPyConnection) -> datetime:
    row = connection.execute("SELECT as_of_at FROM ops.parameters").fetchone()
    if row is None:
        raise CommandError("what is published says not as of when", code=FAILED)
    at: datetime = row[0].replace(tzinfo=UTC)
    return at


def _values(connection: duckdb.DuckDBPyConnection, names: Sequence[str], grain: str) -> Values:
    rows = connection.execute(
        "SELECT metric, period_start_on, value, n, is_mature, unit FROM metrics.metric_values "
        "WHERE grain = ? AND CAST(dimensions AS VARCHAR) = '{}' AND metric IN ?",
        [grain, list(names)],
    ).fetchall()
    return {(metric, on): Value(*rest) for metric, on, *rest in rows}


def _lines(
    metrics: dict[str, Metric], wanted: Sequence[str], then: Values, now: Values, periods: int
) -> list[dict[str, Any]]:
    lines = []
    for name in wanted:
        starts = sorted((on for metric, on in then if metric == name), reverse=True)[:periods]
        for start in starts:
            known, present = then[name, start], now.get((name, start))
            lines.append(
                {
                    "metric": name,
                    "title": metrics[name].title,
                    "period_start_on": start.isoformat(),
                    "value": _plain(known.value),
                    "n": known.n,
                    "is_mature": known.is_mature,
                    "unit": known.unit,
                    "now": _plain(present.value if present else None),
                    "is_restated": present is None or present.value != known.value,
                }
            )
    return lines


def _plain(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _table(lines: Sequence[dict[str, Any]], currency: str, *, compared: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("metric")
    table.add_column("period from", no_wrap=True)
    table.add_column("value then" if compared else "value", justify="right", no_wrap=True)
    if compared:
        table.add_column("now", justify="right", no_wrap=True)
    table.add_column("n", justify="right")
    table.add_column("")
    for line in lines:
        unit = line["unit"]
        remarks = [
            *([] if line["is_mature"] else ["not closed or too young" if not compared else "open"]),
            *(["changed since"] if compared and line["is_restated"] else []),
        ]
        table.add_row(
            line["metric"],
            line["period_start_on"],
            shown(line["value"], unit, currency),
            *([shown(line["now"], unit, currency)] if compared else []),
            f"{line['n']:,}",
            ", ".join(remarks),
        )
    return table
