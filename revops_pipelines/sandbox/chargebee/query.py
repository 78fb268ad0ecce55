"""What a request asks for: filters with operators, read and checked as Chargebee does.

Belongs here: parsing and refusing. Does not: which list knows which filter (`lists.py`).
Source: https://apidocs.chargebee.com/docs/api/list-operations
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from revops_pipelines.sandbox.chargebee.replies import RefusedError, wrong_value

DEFAULT_LIMIT, MOST_LIMIT = 10, 100
_BRACKETED = re.compile(r"^([a-z_]+)(?:\[([a-z_]+)\])?$")
Test = Callable[[Any], bool]


@dataclass(slots=True)
class Asked:
    """A request's parameters. `tests` by the name of the field; `after` is the offset's place."""

    limit: int = DEFAULT_LIMIT
    after: tuple[int, int] | None = None
    sort_by: str | None = None
    is_descending: bool = True
    include_deleted: bool = False
    tests: list[tuple[str, Test]] = field(default_factory=list)
    key: tuple[tuple[str, str], ...] = ()


def asked(query_string: bytes, fields: frozenset[str], sorts: frozenset[str]) -> Asked:
    """Read a query string. RefusedError for what the list does not know or cannot read."""
    found = Asked()
    pairs = parse_qsl(query_string.decode("utf-8"), keep_blank_values=True)
    found.key = tuple(sorted(pair for pair in pairs if pair[0] not in ("offset", "limit")))
    for name, value in pairs:
        matched = _BRACKETED.match(name)
        if matched is None:
            raise RefusedError(wrong_value(name, "unknown parameter"))
        word, operator = matched.groups()
        if word in _PLAIN and operator is None:
            _PLAIN[word](found, value)
        elif word == "sort_by" and operator in ("asc", "desc") and value in sorts:
            found.sort_by, found.is_descending = value, operator == "desc"
        elif word in fields and operator in _OPERATORS:
            found.tests.append((word, _OPERATORS[operator](name, value)))
        else:
            raise RefusedError(wrong_value(name, "unknown parameter or value"))
    return found


def offset(value: int, place: int) -> str:
    """The opaque mark of a page's end, as Chargebee writes it: two quoted numbers."""
    return msgspec.json.encode([str(value), str(place)]).decode()


def _limit(found: Asked, value: str) -> None:
    limit = _integer("limit", value)
    if not 1 <= limit <= MOST_LIMIT:
        raise RefusedError(wrong_value("limit", "should be between 1 and 100"))
    found.limit = limit


def _offset(found: Asked, value: str) -> None:
    try:
        first, second = msgspec.json.decode(value, type=list[str])
        found.after = (int(first), int(second))
    except (ValueError, msgspec.DecodeError):
        raise RefusedError(wrong_value("offset", "not one that was given out")) from None


def _deleted(found: Asked, value: str) -> None:
    found.include_deleted = _truth("include_deleted", value)


_PLAIN: Mapping[str, Callable[[Asked, str], None]] = {
    "limit": _limit,
    "offset": _offset,
    "include_deleted": _deleted,
}


def _integer(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise RefusedError(wrong_value(name, "not a number")) from None


def _truth(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise RefusedError(wrong_value(name, "should be true or false"))
    return value == "true"


def _several(value: str) -> list[str]:
    """A list in a parameter: `["a","b"]`, and `['a', 'b']` as the Python client writes it."""
    return [each.strip().strip("\"'") for each in value.strip("[] ").split(",") if each.strip()]


def _between(name: str, value: str) -> Test:
    bounds = [_integer(name, each) for each in _several(value)]
    if len(bounds) != 2:
        raise RefusedError(wrong_value(name, "needs two values"))
    return lambda held: held is not None and bounds[0] <= held <= bounds[1]


def _after(name: str, value: str) -> Test:
    bound = _integer(name, value)
    return lambda held: held is not None and held > bound


def _before(name: str, value: str) -> Test:
    bound = _integer(name, value)
    return lambda held: held is not None and held < bound


def _present(name: str, value: str) -> Test:
    wanted = _truth(name, value)
    return lambda held: (held is not None) == wanted


def _one_of(name: str, value: str) -> Test:
    wanted = frozenset(_several(value))
    return lambda held: held in wanted


def _none_of(name: str, value: str) -> Test:
    wanted = frozenset(_several(value))
    return lambda held: held not in wanted


_OPERATORS: Mapping[str, Callable[[str, str], Test]] = {
    "after": _after,
    "before": _before,
    "between": _between,
    "is_present": _present,
    "is": lambda name, value: lambda held: str(held) == value,
    "is_not": lambda name, value: lambda held: str(held) != value,
    "in": _one_of,
    "not_in": _none_of,
}
