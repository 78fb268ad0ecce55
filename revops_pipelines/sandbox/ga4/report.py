"""runReport: facts grouped by the dimensions asked for, ordered and cut into a page.

Belongs here: reading a request's body and making the answer's rows. Does not: what the facts are
(`facts.py`), the quota (`quota.py`).

Source: https://developers.google.com/analytics/devguides/reporting/data/v1/rest/v1beta/properties/runReport
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from revops_pipelines.sandbox.ga4.answers import Ga4Error
from revops_pipelines.sandbox.ga4.facts import Fact

USUAL_ROWS, MOST_ROWS = 10_000, 250_000
EARLIEST = date(2015, 8, 14)
KEY_EVENT = "generate_lead"

DIMENSIONS: Mapping[str, Callable[[Fact], str]] = {
    "date": lambda fact: fact.day.strftime("%Y%m%d"),
    "sessionDefaultChannelGroup": lambda fact: fact.channel,
    "sessionSource": lambda fact: fact.source,
    "sessionMedium": lambda fact: fact.medium,
    "sessionSourceMedium": lambda fact: f"{fact.source} / {fact.medium}",
    "sessionCampaignName": lambda fact: fact.campaign,
    "landingPage": lambda fact: fact.page,
}
METRICS: Mapping[str, tuple[str, Callable[[Fact], int]]] = {
    "sessions": ("TYPE_INTEGER", lambda fact: fact.sessions),
    "totalUsers": ("TYPE_INTEGER", lambda fact: fact.users),
    "activeUsers": ("TYPE_INTEGER", lambda fact: fact.users),
    "keyEvents": ("TYPE_FLOAT", lambda fact: fact.conversions),
    f"keyEvents:{KEY_EVENT}": ("TYPE_FLOAT", lambda fact: fact.conversions),
}
_KNOWN = {
    "property",
    "dateRanges",
    "dimensions",
    "metrics",
    "orderBys",
    "limit",
    "offset",
    "returnPropertyQuota",
    "keepEmptyRows",
}

Row = tuple[tuple[str, ...], list[int]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is asked for."""

    first: date
    last: date
    dimensions: tuple[str, ...]
    metrics: tuple[str, ...]
    orders: tuple[tuple[str, bool], ...]
    limit: int
    offset: int
    tells_quota: bool


def asked(body: Mapping[str, Any], today: date) -> Asked:
    """The request of a body. Raises Ga4Error."""
    unknown = sorted(set(body) - _KNOWN)
    if unknown:
        raise Ga4Error("INVALID_ARGUMENT", f'Invalid JSON payload. Unknown name "{unknown[0]}".')
    ranges = body.get("dateRanges") or []
    if len(ranges) != 1:
        raise Ga4Error("INVALID_ARGUMENT", "One date range is expected.")
    first = _day(ranges[0].get("startDate", ""), today)
    last = _day(ranges[0].get("endDate", ""), today)
    if first > last:
        raise Ga4Error("INVALID_ARGUMENT", "startDate is after endDate.")
    return Asked(
        first,
        last,
        _fields(body.get("dimensions") or [], DIMENSIONS, "dimension"),
        _fields(body.get("metrics") or [], METRICS, "metric"),
        tuple(_order(each) for each in body.get("orderBys") or []),
        _number(body.get("limit") or USUAL_ROWS, "limit", MOST_ROWS),
        _number(body.get("offset") or 0, "offset", None),
        body.get("returnPropertyQuota") is True,
    )


def rows(request: Asked, found: Iterable[Fact]) -> list[Row]:
    """All rows of a report: values of its dimensions, and its metrics summed."""
    groups: dict[tuple[str, ...], list[int]] = {}
    dimensions = [DIMENSIONS[name] for name in request.dimensions]
    metrics = [METRICS[name][1] for name in request.metrics]
    for fact in found:
        key = tuple(dimension(fact) for dimension in dimensions)
        sums = groups.setdefault(key, [0] * len(metrics))
        for position, metric in enumerate(metrics):
            sums[position] += metric(fact)
    made = [row for row in groups.items() if any(row[1])]
    # Unasked, rows come by the first metric, most first.
    made.sort(key=lambda row: row[1][:1], reverse=True)
    for name, is_descending in reversed(request.orders):
        made.sort(key=lambda row, name=name: _value(request, row, name), reverse=is_descending)  # type: ignore[misc]
    return made


def answer(request: Asked, made: Sequence[Row], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The answer without its quota; as Google does, nothing that is empty is in it."""
    page = made[request.offset : request.offset + request.limit]
    body: dict[str, Any] = {}
    if request.dimensions:
        body["dimensionHeaders"] = [{"name": name} for name in request.dimensions]
    if request.metrics:
        body["metricHeaders"] = [
            {"name": name, "type": METRICS[name][0]} for name in request.metrics
        ]
    if page:
        body["rows"] = [_row(row) for row in page]
    if made:
        body["rowCount"] = len(made)
    return body | {"metadata": dict(metadata), "kind": "analyticsData#runReport"}


def _row(row: Row) -> dict[str, Any]:
    dimensions, metrics = row
    values = {"metricValues": [{"value": str(value)} for value in metrics]}
    if dimensions:
        return {"dimensionValues": [{"value": value} for value in dimensions], **values}
    return values


def _value(request: Asked, row: Row, name: str) -> Any:
    if name in request.dimensions:
        return row[0][request.dimensions.index(name)]
    if name in request.metrics:
        return row[1][request.metrics.index(name)]
    raise Ga4Error("INVALID_ARGUMENT", f"Ordering by {name}, which is not in the request.")


def _fields(
    listed: Sequence[Mapping[str, Any]], known: Mapping[str, Any], kind: str
) -> tuple[str, ...]:
    names = tuple(str(each.get("name", "")) for each in listed)
    for name in names:
        if name not in known:
            raise Ga4Error(
                "INVALID_ARGUMENT",
                f"Field {name} is not a valid {kind}. For a list of valid dimensions and metrics, "
                "see https://developers.google.com/analytics/devguides/reporting/data/v1/api-schema",
            )
    return names


def _order(order: Mapping[str, Any]) -> tuple[str, bool]:
    by = order.get("dimension", {}).get("dimensionName")
    by = by or order.get("metric", {}).get("metricName")
    if not by:
        raise Ga4Error("INVALID_ARGUMENT", "An order needs a dimension or a metric.")
    return str(by), order.get("desc") is True


def _number(value: Any, name: str, most: int | None) -> int:
    text = str(value)
    if not text.isdigit() or (most is not None and not 1 <= int(text) <= most):
        raise Ga4Error("INVALID_ARGUMENT", f"The {name} {text} is out of range.")
    return int(text)


def _day(text: str, today: date) -> date:
    """A day as Google takes it.

    >>> _day("3daysAgo", date(2026, 6, 30)), _day("yesterday", date(2026, 6, 30))
    (datetime.date(2026, 6, 27), datetime.date(2026, 6, 29))
    """
    words = {"today": 0, "yesterday": 1}
    if text in words:
        return today - timedelta(days=words[text])
    if ago := re.fullmatch("([0-9]+)daysAgo", text):
        return max(EARLIEST, today - timedelta(days=int(ago[1])))
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError as error:
        raise Ga4Error("INVALID_ARGUMENT", f"Invalid date: {text}.") from error
    if day < EARLIEST:
        raise Ga4Error("INVALID_ARGUMENT", f"The date {text} is before {EARLIEST}.")
    return day
