"""Pulling reports, one day at a time.

Belongs here: which days are read, and their pages. Does not: how a report is asked for
(`client.py`).

A day is a report of its own: reports of few days are sampled and folded least, and what Google
restates is replaced whole. Google changes the last days until two days later, so each pull reads
`restated_days` again. In a cursor `until` is the last day read, `rows` how many rows the days had
that will be read again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.errors import ProtocolError, ServerError
from revops_pipelines.engine.ingest.guards import VolumeGuard
from revops_pipelines.resources.sources.ga4.client import Analytics, Report
from revops_pipelines.resources.sources.ga4.options import Ga4Options

DIMENSIONS = (
    "sessionDefaultChannelGroup",
    "sessionSource",
    "sessionMedium",
    "sessionCampaignName",
    "landingPage",
)
# The Data API refuses earlier days.
EARLIEST = date(2015, 8, 14)
# A day is read again when its number of rows changes between two of its pages.
_ATTEMPTS = 3


def metrics_of(options: Ga4Options) -> tuple[str, ...]:
    """The metrics asked for, in the order of their values."""
    return ("sessions", "totalUsers", options.conversion_metric)


def pull_traffic(job: Pull) -> None:
    """Read the days since the last pull, and those before that may have been restated."""
    api: Analytics = job.client
    options: Ga4Options = job.options
    last = job.now.date()
    first = _first_day(job, api, last)
    reading = _Reading(job, api, dict(job.cursor.get("rows", {})))
    cursor: dict[str, Any] = dict(job.cursor)
    for days in _batches(first, last, options.days_at_once):
        job.each(reading.day, days)
        kept_from = (days[-1] - timedelta(days=options.restated_days)).isoformat()
        rows = {day: rows for day, rows in sorted(reading.rows.items()) if day >= kept_from}
        cursor = {"until": days[-1].isoformat(), "rows": rows}
        job.checkpoint(cursor)
        job.progress(len(reading.rows), (last - first).days + 1)
    job.finish(cursor)


def _first_day(job: Pull, api: Analytics, last: date) -> date:
    options: Ga4Options = job.options
    until = job.cursor.get("until")
    if until is not None:
        return date.fromisoformat(until) - timedelta(days=options.restated_days)
    return options.began_on or oldest_day(api, last) or last


def oldest_day(api: Analytics, last: date) -> date | None:
    """The first day that has any session; None for a property that has none yet."""
    asked = {
        **_range(EARLIEST, last),
        "dimensions": [{"name": "date"}],
        "metrics": [{"name": "sessions"}],
        "orderBys": [{"dimension": {"dimensionName": "date"}}],
        "limit": "1",
    }
    report = api.report(asked)
    if not report.rows:
        return None
    row = msgspec.json.decode(report.rows[0], type=_Row)
    return datetime.strptime(row.dimension_values[0].value, "%Y%m%d").date()  # noqa: DTZ007


class _Value(msgspec.Struct):
    value: str = ""


class _Row(msgspec.Struct, rename="camel"):
    dimension_values: list[_Value] = msgspec.field(default_factory=list)


@dataclass(slots=True)
class _Reading:
    """Reads days from many threads; `rows` counts what each day had, before and now."""

    job: Pull
    api: Analytics
    rows: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def day(self, day: date) -> None:
        """Land a day's report. Raises those of `errors.py`."""
        for _ in range(_ATTEMPTS):
            if self._landed(day.isoformat()):
                return
        raise ServerError(f"the report of {day} has another number of rows with every page")

    def _landed(self, day: str) -> bool:
        """Land all pages; False when the day changed meanwhile."""
        size = self.job.options.page_rows
        page = self._page(day, 0)
        total = page.row_count
        known = self.rows.get(day, 0)
        # A day that suddenly has next to nothing is a fault, not a restatement.
        VolumeGuard().check(f"traffic of {day}", known, known - total)
        pages = max(1, -(-total // size))
        for number in range(pages):
            page = page if number == 0 else self._page(day, number * size)
            if page.row_count != total:
                return False
            self.job.write([_record(day, number, pages, page)])
        with self.lock:
            self.rows[day] = total
        return True

    def _page(self, day: str, offset: int) -> Report:
        size = self.job.options.page_rows
        put_aside: list[bytes] = []

        def reject(record: bytes, rule: str) -> None:
            put_aside.append(record)
            self.job.reject(record, rule)

        report = self.api.report(self._asked(day, offset), reject)
        _check_columns(report, self.job.options)
        expected = min(size, max(0, report.row_count - offset))
        if len(report.rows) + len(put_aside) != expected:
            raise ProtocolError(
                f"the report of {day} has {len(report.rows)} rows from {offset} on, not {expected}"
            )
        return report

    def _asked(self, day: str, offset: int) -> Mapping[str, Any]:
        moment = date.fromisoformat(day)
        return {
            **_range(moment, moment),
            "dimensions": [{"name": name} for name in DIMENSIONS],
            "metrics": [{"name": name} for name in metrics_of(self.job.options)],
            # Without an order of our own, pages could overlap.
            "orderBys": [{"dimension": {"dimensionName": name}} for name in DIMENSIONS],
            "limit": str(self.job.options.page_rows),
            "offset": str(offset),
        }


def _range(first: date, last: date) -> dict[str, Any]:
    return {"dateRanges": [{"startDate": first.isoformat(), "endDate": last.isoformat()}]}


def _record(day: str, number: int, pages: int, page: Report) -> bytes:
    """What is landed of a page: all but the quota, which differs with every answer."""
    return msgspec.json.encode(
        {
            "day": day,
            "page": str(number),
            "pages": pages,
            "rowCount": page.row_count,
            "metadata": page.metadata,
            "rows": page.rows,
        }
    )


def _check_columns(report: Report, options: Ga4Options) -> None:
    """Values come by position, so the columns must be those that were asked for."""
    if not report.rows:
        return
    found = [each.name for each in (*report.dimension_headers, *report.metric_headers)]
    if found != [*DIMENSIONS, *metrics_of(options)]:
        raise ProtocolError("a report has other columns than were asked for")


def _batches(first: date, last: date, size: int) -> Iterator[Sequence[date]]:
    """All days from the first to the last, in order, in lists of at most `size`."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    for at in range(0, len(days), size):
        yield days[at : at + size]
