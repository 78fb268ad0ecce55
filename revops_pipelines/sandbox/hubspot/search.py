"""The search endpoint: filters, sorts, the cap.

Belongs here: reading a search and finding its records. Does not: writing them.

Fast by arrays: filters on when a record last changed, on `hs_object_id` and on when it was
created. Any other property is compared value by value, which is slow and meant for small types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from revops_pipelines.sandbox.hubspot.errors import invalid
from revops_pipelines.sandbox.hubspot.render import Renderer
from revops_pipelines.sandbox.hubspot.story import epoch_ms
from revops_pipelines.sandbox.hubspot.table import FOREVER, Numbers, Standing, Table

MOST_RESULTS, MOST_A_PAGE, DEFAULT_A_PAGE = 10_000, 200, 10
MOST_GROUPS, MOST_FILTERS = 5, 18
OPERATORS = ("EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "NOT_IN")
PRESENCE = ("HAS_PROPERTY", "NOT_HAS_PROPERTY")


class Filter(msgspec.Struct, rename="camel"):
    """One condition."""

    property_name: str
    operator: str
    value: str | int | float | None = None
    high_value: str | int | float | None = None
    values: list[str | int | float] = []


class _Group(msgspec.Struct):
    filters: list[Filter] = []


class _Sort(msgspec.Struct, rename="camel"):
    property_name: str
    direction: str = "ASCENDING"


class Search(msgspec.Struct, rename="camel"):
    """The body of a search."""

    filter_groups: list[_Group] = []
    sorts: list[_Sort | str] = []
    properties: list[str] = []
    limit: int | None = None
    after: str | int | None = None
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of positions, how many there are in all, and where the next page begins."""

    positions: list[int]
    total: int
    next_after: int | None


def search(table: Table, renderer: Renderer, asked: Search, now: int) -> Found:
    """The page that a search asks for; Refused as HubSpot would."""
    limit = DEFAULT_A_PAGE if asked.limit is None else asked.limit
    if not 0 < limit <= MOST_A_PAGE:
        raise invalid(f"limit must be between 1 and {MOST_A_PAGE}", limit=str(limit))
    after = _whole(asked.after or 0)
    if after + limit > MOST_RESULTS:
        raise invalid("There was a problem with the request: paging past 10000 results")
    if len(asked.filter_groups) > MOST_GROUPS:
        raise invalid(f"at most {MOST_GROUPS} filterGroups are allowed")
    if sum(len(group.filters) for group in asked.filter_groups) > MOST_FILTERS:
        raise invalid(f"at most {MOST_FILTERS} filters are allowed")
    standing = _chosen(table, renderer, asked, now)
    order = _order(table, asked.sorts, standing)
    page = standing.positions[order[after : after + limit]].tolist()
    total = len(standing.positions)
    return Found(page, total, after + limit if after + limit < total else None)


def _chosen(table: Table, renderer: Renderer, asked: Search, now: int) -> Standing:
    if not asked.filter_groups:
        return table.standing(now, 0, FOREVER)
    groups = [_group(table, renderer, group.filters, now) for group in asked.filter_groups]
    if len(groups) == 1:
        return groups[0]
    positions = np.concatenate([group.positions for group in groups])
    modified = np.concatenate([group.modified for group in groups])
    _, first = np.unique(positions, return_index=True)
    return Standing(positions[first], modified[first])


def _group(table: Table, renderer: Renderer, filters: Sequence[Filter], now: int) -> Standing:
    since, before = 0, FOREVER
    others = []
    for each in filters:
        if each.property_name == table.kind.modified and each.operator not in PRESENCE:
            low, high = _bounds(each)
            since, before = max(since, low), min(before, high)
        else:
            others.append(each)
    standing = table.standing(now, since, max(since, before))
    for each in others:
        if each.property_name == "hs_object_id":
            chosen = _by_id(table.ids[standing.positions], each)
        elif each.property_name == table.kind.created and each.operator not in PRESENCE:
            low, high = _bounds(each)
            made = table.made[standing.positions]
            chosen = (made >= low) & (made < high)
        else:
            chosen = _by_value(renderer, standing, each, now)
        standing = Standing(standing.positions[chosen], standing.modified[chosen])
    return standing


def _bounds(each: Filter) -> tuple[int, int]:
    """The half-open interval of epoch milliseconds that a condition on a moment allows."""
    value = moment_ms(each.value)
    if each.operator == "BETWEEN":
        return value, moment_ms(each.high_value) + 1
    bounds = {
        "GTE": (value, FOREVER),
        "GT": (value + 1, FOREVER),
        "LT": (0, value),
        "LTE": (0, value + 1),
        "EQ": (value, value + 1),
    }
    if each.operator not in bounds:
        raise invalid(f"operator {each.operator} does not work on {each.property_name}")
    return bounds[each.operator]


def moment_ms(value: str | float | None) -> int:
    """Epoch milliseconds of a filter's value: these as a number or text, or ISO 8601.

    >>> moment_ms("1970-01-01T00:00:01Z"), moment_ms("1000"), moment_ms("1970-01-02")
    (1000, 1000, 86400000)
    """
    text = str(value)
    if text.lstrip("-").isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text if "T" in text else f"{text}T00:00:00Z")
    except ValueError as error:
        raise invalid(f"{text} is no moment", value=text) from error
    if moment.tzinfo is None:
        raise invalid(f"{text} has no time zone", value=text)
    return epoch_ms(moment)


def _whole(value: str | float | None) -> int:
    text = str(value)
    if not text.isdigit():
        raise invalid(f"{text} is no whole number", value=text)
    return int(text)


def _by_id(ids: Numbers, each: Filter) -> Any:
    if each.operator in ("IN", "NOT_IN"):
        inside = np.isin(ids, [_whole(value) for value in each.values])
        return inside if each.operator == "IN" else ~inside
    if each.operator in PRESENCE:
        return np.full(len(ids), each.operator == "HAS_PROPERTY")
    value = _whole(each.value)
    if each.operator == "BETWEEN":
        return (ids >= value) & (ids <= _whole(each.high_value))
    compare = {
        "EQ": np.equal,
        "NEQ": np.not_equal,
        "LT": np.less,
        "LTE": np.less_equal,
        "GT": np.greater,
        "GTE": np.greater_equal,
    }
    if each.operator not in compare:
        raise invalid(f"operator {each.operator} does not work on hs_object_id")
    return compare[each.operator](ids, value)


def _by_value(renderer: Renderer, standing: Standing, each: Filter, now: int) -> Any:
    values = (
        renderer.values(position, now).get(each.property_name)
        for position in standing.positions.tolist()
    )
    matches = (_matches(value, each) for value in values)
    return np.fromiter(matches, np.bool_, len(standing.positions))


def _matches(value: str | None, each: Filter) -> bool:
    if each.operator in PRESENCE:
        return (value is not None) == (each.operator == "HAS_PROPERTY")
    if each.operator not in OPERATORS:
        raise invalid(f"operator {each.operator} is not known here")
    if value is None:
        return False
    if each.operator in ("IN", "NOT_IN"):
        return (value in map(str, each.values)) == (each.operator == "IN")
    actual, wanted = _key(value), _key(each.value)
    if each.operator in ("EQ", "NEQ"):
        return (actual == wanted) == (each.operator == "EQ")
    return _compares(actual, wanted, each)


def _compares(actual: float | str, wanted: float | str, each: Filter) -> bool:
    high = _key(each.high_value) if each.operator == "BETWEEN" else actual
    if isinstance(wanted, str) or isinstance(actual, str) or isinstance(high, str):
        return False
    return {
        "LT": actual < wanted,
        "LTE": actual <= wanted,
        "GT": actual > wanted,
        "GTE": actual >= wanted,
        "BETWEEN": wanted <= actual <= high,
    }[each.operator]


def _key(value: str | float | None) -> float | str:
    """A number or a moment as a number, anything else as text in lower case."""
    text = str(value)
    try:
        return float(text)
    except ValueError:
        if len(text) >= 10 and text[4:5] == "-" and text[7:8] == "-":
            return float(moment_ms(text))
        return text.lower()


def _order(table: Table, sorts: Sequence[_Sort | str], standing: Standing) -> Numbers:
    """How the records are put in order; by id where nothing is said, and last of all."""
    ids = table.ids[standing.positions]
    if not sorts:
        return np.argsort(ids, kind="stable")
    keys: list[Numbers] = [ids]
    for sort in reversed(sorts):
        name, direction = _sort(sort)
        if name == table.kind.modified:
            key = standing.modified
        elif name == "hs_object_id":
            key = ids
        elif name == table.kind.created:
            key = table.made[standing.positions]
        else:
            raise invalid(f"sorting by {name} is not possible here", propertyName=name)
        keys.append(-key if direction == "DESCENDING" else key)
    return np.lexsort(keys)


def _sort(sort: _Sort | str) -> tuple[str, str]:
    if isinstance(sort, str):
        return (sort[1:], "DESCENDING") if sort.startswith("-") else (sort, "ASCENDING")
    return sort.property_name, sort.direction
