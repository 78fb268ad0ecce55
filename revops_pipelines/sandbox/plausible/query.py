"""A query: facts grouped by the dimensions asked for, ordered and cut into a page.

Belongs here: reading a request's body and making the answer. Does not: what the facts are
(`facts.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from revops_pipelines.sandbox.plausible.facts import Fact

MOST_ROWS = 10_000
GOAL = "event:goal"
DIMENSIONS: Mapping[str, Callable[[Fact], str]] = {
    "time:day": lambda fact: fact.day.isoformat(),
    "visit:channel": lambda fact: fact.channel,
    "visit:source": lambda fact: fact.source,
    "visit:utm_medium": lambda fact: fact.medium,
    "visit:utm_campaign": lambda fact: fact.campaign,
    "visit:entry_page": lambda fact: fact.page,
}
METRICS = ("visits", "visitors", "events")
_RANGES = {"day": 1, "7d": 7, "28d": 28, "30d": 30, "91d": 91}
_KNOWN = {
    "site_id",
    "metrics",
    "date_range",
    "dimensions",
    "filters",
    "order_by",
    "include",
    "pagination",
}

Key = tuple[str, ...]


class QueryError(Exception):
    """A query that is refused with 400."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for."""

    first: date
    last: date
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...]
    goals: tuple[str, ...] | None
    order: tuple[tuple[str, str], ...]
    limit: int
    offset: int
    tells_total: bool


def asked(body: Mapping[str, Any], first_day: date, today: date) -> Asked:
    """The query of a body. Raises QueryError."""
    unknown = sorted(set(body) - _KNOWN)
    if unknown:
        raise QueryError(f"#: Schema does not allow additional properties: {unknown[0]}.")
    dimensions = tuple(body.get("dimensions") or ())
    for name in dimensions:
        if name not in DIMENSIONS and name != GOAL:
            raise QueryError(f'#/dimensions: Invalid dimension "{name}"')
    metrics = tuple(body.get("metrics") or ())
    if not metrics or not set(metrics) <= set(METRICS):
        raise QueryError("#/metrics: Invalid metric")
    first, last = _range(body.get("date_range"), first_day, today)
    page = body.get("pagination") or {}
    limit, offset = page.get("limit", MOST_ROWS), page.get("offset", 0)
    if not 1 <= limit <= MOST_ROWS or offset < 0:
        raise QueryError("#/pagination: Invalid pagination")
    order = tuple((str(name), str(way)) for name, way in body.get("order_by") or ())
    for name, way in order:
        if name not in (*metrics, *dimensions) or way not in ("asc", "desc"):
            raise QueryError(f"#/order_by: Invalid order_by {name}")
    return Asked(
        first,
        last,
        metrics,
        dimensions,
        _goals(body.get("filters") or ()),
        order,
        limit,
        offset,
        (body.get("include") or {}).get("total_rows") is True,
    )


def answer(request: Asked, found: Iterable[Fact], site: str) -> dict[str, Any]:
    """The whole answer; without dimensions there is always one row."""
    groups: dict[Key, list[int]] = {}
    if not request.dimensions:
        groups[()] = [0] * len(request.metrics)
    for fact in found:
        for goal, counts in _of_goals(request, fact):
            key = tuple(
                goal if name == GOAL else DIMENSIONS[name](fact) for name in request.dimensions
            )
            sums = groups.setdefault(key, [0] * len(request.metrics))
            for position, metric in enumerate(request.metrics):
                sums[position] += counts[metric]
    rows = list(groups.items())
    for name, way in reversed(request.order or _usual_order(request)):
        rows.sort(key=lambda row, name=name: _value(request, row, name), reverse=way == "desc")  # type: ignore[misc]
    page = rows[request.offset : request.offset + request.limit]
    meta = {"total_rows": len(rows)} if request.tells_total else {}
    return {
        "results": [{"metrics": sums, "dimensions": list(key)} for key, sums in page],
        "meta": meta,
        "query": {
            "site_id": site,
            "metrics": list(request.metrics),
            "date_range": [f"{request.first}T00:00:00+00:00", f"{request.last}T23:59:59+00:00"],
            "filters": [] if request.goals is None else [["is", GOAL, list(request.goals)]],
            "dimensions": list(request.dimensions),
            "order_by": [list(each) for each in request.order or _usual_order(request)],
            "include": {"total_rows": True} if request.tells_total else {},
            "pagination": {"limit": request.limit, "offset": request.offset},
        },
    }


def _of_goals(request: Asked, fact: Fact) -> Iterable[tuple[str, Mapping[str, int]]]:
    """What a fact counts, once or by goal. Of a goal, `events` are its conversions."""
    if GOAL not in request.dimensions and request.goals is None:
        counts = {"visits": fact.visits, "visitors": fact.visitors, "events": fact.visits * 2}
        return [("", counts)]
    return [
        (goal, {"visits": count, "visitors": count, "events": count})
        for goal, count in fact.goals
        if request.goals is None or goal in request.goals
    ]


def _usual_order(request: Asked) -> tuple[tuple[str, str], ...]:
    if "time:day" in request.dimensions:
        return (("time:day", "asc"), (request.metrics[0], "desc"))
    return ((request.metrics[0], "desc"),)


def _value(request: Asked, row: tuple[Key, list[int]], name: str) -> Any:
    if name in request.dimensions:
        return row[0][request.dimensions.index(name)]
    return row[1][request.metrics.index(name)]


def _range(asked_range: Any, first_day: date, today: date) -> tuple[date, date]:
    if asked_range == "all":
        return first_day, today
    if isinstance(asked_range, str) and asked_range in _RANGES:
        return today - timedelta(days=_RANGES[asked_range] - 1), today
    if isinstance(asked_range, list) and len(asked_range) == 2:
        try:
            first, last = (date.fromisoformat(str(each)[:10]) for each in asked_range)
        except ValueError as error:
            raise QueryError("#/date_range: Invalid date range") from error
        if first <= last:
            return first, last
    raise QueryError("#/date_range: Invalid date range")


def _goals(filters: Iterable[Any]) -> tuple[str, ...] | None:
    goals: tuple[str, ...] | None = None
    for each in filters:
        if not isinstance(each, list) or len(each) < 3 or each[:2] != ["is", GOAL]:
            raise QueryError("#/filters: this simulated site filters by goal only")
        goals = tuple(str(goal) for goal in each[2])
    return goals
