"""What a request asks for: bracketed parameters read and checked as Stripe does.

Belongs here: parsing and refusing. Does not: which list knows which filter (`lists.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from revops_pipelines.sandbox.stripe.replies import (
    RefusedError,
    error,
    invalid_integer,
    unknown_parameter,
)

DEFAULT_LIMIT, LEAST_LIMIT, MOST_LIMIT = 10, 1, 100
PAGING = frozenset({"limit", "starting_after", "ending_before"})
BOUNDS = ("gt", "gte", "lt", "lte")
_BRACKETED = re.compile(r"^([a-z_]+)(?:\[([a-z0-9_]*)\])?$")


@dataclass(slots=True)
class Asked:
    """A request's parameters. `since` and `before` bound `created`, half-open, epoch seconds."""

    limit: int = DEFAULT_LIMIT
    starting_after: str | None = None
    ending_before: str | None = None
    since: int | None = None
    before: int | None = None
    filters: dict[str, list[str]] = field(default_factory=dict)
    expand: list[str] = field(default_factory=list)

    def one(self, name: str) -> str | None:
        """A filter's value; of a repeated one, the last."""
        found = self.filters.get(name)
        return found[-1] if found else None


def asked(query_string: bytes, known: frozenset[str], is_list: bool = True) -> Asked:
    """Read a query string. RefusedError for what the endpoint does not know or cannot read.

    `a[]=1&a[0]=2` are entries of `a`; `created[gte]=5` is a bound; `recurring[interval]=month`
    a filter named `recurring[interval]`.
    """
    found = Asked()
    for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True):
        matched = _BRACKETED.match(name)
        if matched is None:
            raise RefusedError(unknown_parameter(name))
        word, inner = matched.groups()
        if word == "expand":
            found.expand.append(value)
        elif is_list and word in PAGING and inner is None:
            _page(found, word, value)
        elif is_list and word == "created" and word in known:
            _bound(found, inner, value)
        else:
            _filter(found, known, word, inner, value)
    return found


def _page(found: Asked, name: str, value: str) -> None:
    if name == "limit":
        limit = _integer(name, value)
        if not LEAST_LIMIT <= limit <= MOST_LIMIT:
            what = "greater than or equal to 1" if limit < LEAST_LIMIT else "at most 100"
            raise RefusedError(
                error(
                    400,
                    f"This value must be {what}.",
                    code="parameter_invalid_integer",
                    param="limit",
                )
            )
        found.limit = limit
    else:
        setattr(found, name, value)


def _bound(found: Asked, inner: str | None, value: str) -> None:
    at = _integer("created", value)
    if inner is None:
        found.since, found.before = at, at + 1
    elif inner in ("gt", "gte"):
        found.since = at + (inner == "gt")
    elif inner in ("lt", "lte"):
        found.before = at + (inner == "lte")
    else:
        raise RefusedError(unknown_parameter(f"created[{inner}]"))


def _filter(found: Asked, known: frozenset[str], word: str, inner: str | None, value: str) -> None:
    is_entry = inner is not None and (inner == "" or inner.isdigit())
    name = word if inner is None or is_entry else f"{word}[{inner}]"
    if name not in known:
        raise RefusedError(unknown_parameter(name))
    found.filters.setdefault(name, []).append(value)


def _integer(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise RefusedError(invalid_integer(name, value)) from None


def truth(name: str, value: str) -> bool:
    """A boolean parameter."""
    flags: Mapping[str, bool] = {"true": True, "false": False}
    if value not in flags:
        raise RefusedError(error(400, f"Invalid boolean: {value}", param=name))
    return flags[value]
