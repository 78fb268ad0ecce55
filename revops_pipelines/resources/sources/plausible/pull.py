"""Pulling a site's days: visits, and conversions by goal.

Belongs here: which days are read, and the records that are made of them. Does not: how a query is
asked (`client.py`).

A record is a day, or a part of one that has very many rows; days without any row have an empty
record. So a day that is read again replaces itself. In a cursor `until` is the last day read,
`rows` how many rows the days had that will be read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.errors import ProtocolError
from revops_pipelines.engine.ingest.guards import VolumeGuard
from revops_pipelines.resources.sources.plausible.client import Plausible
from revops_pipelines.resources.sources.plausible.options import PlausibleOptions

DIMENSIONS = (
    "time:day",
    "visit:channel",
    "visit:source",
    "visit:utm_medium",
    "visit:utm_campaign",
    "visit:entry_page",
)
GOAL = "event:goal"


class _Row(msgspec.Struct):
    dimensions: list[Any]


def pull_visits(job: Pull) -> None:
    """Visits and visitors by day and origin."""
    _pull(job, ("visits", "visitors"), DIMENSIONS)


def pull_conversions(job: Pull) -> None:
    """Conversions by day, origin and goal: of a goal, `events` counts every conversion."""
    _pull(job, ("events",), (*DIMENSIONS, GOAL))


def _pull(job: Pull, metrics: tuple[str, ...], dimensions: tuple[str, ...]) -> None:
    api: Plausible = job.client
    options: PlausibleOptions = job.options
    last = job.now.date()
    first = _first_day(job, api, last)
    cursor: dict[str, Any] = dict(job.cursor)
    known: Mapping[str, int] = cursor.get("rows", {})
    rows: dict[str, int] = {}

    def read(window: tuple[date, date]) -> None:
        start, end = window
        query = {
            "metrics": list(metrics),
            "dimensions": list(dimensions),
            "date_range": [start.isoformat(), end.isoformat()],
            # Without an order of our own, pages could overlap.
            "order_by": [[name, "asc"] for name in dimensions],
        }
        rows.update(_land(job, api, query, _days(start, end), known))

    for windows in _batches(first, last, options):
        job.each(read, windows)
        end = windows[-1][1]
        kept_from = (end - timedelta(days=options.restated_days)).isoformat()
        cursor = {
            "until": end.isoformat(),
            "rows": {day: count for day, count in sorted(rows.items()) if day >= kept_from},
        }
        job.checkpoint(cursor)
        job.progress(len(rows), (last - first).days + 1)
    job.finish(cursor)


def _first_day(job: Pull, api: Plausible, last: date) -> date:
    options: PlausibleOptions = job.options
    until = job.cursor.get("until")
    if until is not None:
        return date.fromisoformat(until) - timedelta(days=options.restated_days)
    return options.began_on or oldest_day(api) or last


def oldest_day(api: Plausible) -> date | None:
    """The first day that has any visit; None for a site that has none yet."""
    query = {
        "metrics": ["visits"],
        "dimensions": ["time:day"],
        "date_range": "all",
        "order_by": [["time:day", "asc"]],
        "pagination": {"limit": 1, "offset": 0},
    }
    results = api.page(query).results
    return date.fromisoformat(_day_of(results[0])) if results else None


def _land(
    job: Pull,
    api: Plausible,
    query: Mapping[str, Any],
    days: list[str],
    known: Mapping[str, int],
) -> dict[str, int]:
    """Land a window's days; returns how many rows each has.

    Rows come in order of the day, so only one day is held in memory.
    """
    counts: dict[str, int] = {}

    def land(day: str, rows: list[msgspec.Raw]) -> None:
        before = known.get(day, 0)
        # A day that suddenly has next to nothing is a fault, not a restatement.
        VolumeGuard().check(f"{day}", before, before - len(rows))
        counts[day] = len(rows)
        job.write(_records(day, rows, job.options.part_rows))

    found = (row for page in api.pages(query, job.reject) for row in page)
    for day, rows in groupby(found, _day_of):
        if day not in days or day in counts:
            raise ProtocolError(f"rows of {day} are out of their window or order")
        land(day, list(rows))
    for day in days:
        if day not in counts:
            land(day, [])
    return counts


def _records(day: str, rows: list[msgspec.Raw], size: int) -> Iterator[bytes]:
    parts = max(1, -(-len(rows) // size))
    for part in range(parts):
        some = rows[part * size : (part + 1) * size]
        yield msgspec.json.encode({"day": day, "part": str(part), "parts": parts, "rows": some})


def _day_of(row: msgspec.Raw) -> str:
    dimensions = msgspec.json.decode(row, type=_Row).dimensions
    return str(dimensions[0]) if dimensions else ""


def _days(first: date, last: date) -> list[str]:
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


def _batches(
    first: date, last: date, options: PlausibleOptions
) -> Iterator[list[tuple[date, date]]]:
    """Windows in order, as many at a time as are read side by side."""
    windows = list(_windows(first, last, options.window_days))
    for at in range(0, len(windows), options.windows_at_once):
        yield windows[at : at + options.windows_at_once]


def _windows(first: date, last: date, length: int) -> Iterator[tuple[date, date]]:
    """Closed ranges of at most `length` days that tile the days from the first to the last.

    >>> [end.day for _, end in _windows(date(2026, 1, 1), date(2026, 1, 5), 2)]
    [2, 4, 5]
    """
    while first <= last:
        end = min(last, first + timedelta(days=length - 1))
        yield first, end
        first = end + timedelta(days=1)
