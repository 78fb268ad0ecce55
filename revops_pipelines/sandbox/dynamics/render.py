"""Rows as JSON: chosen columns, lookups, labels and other annotations.

Belongs here: how a row's values are written. Does not: which rows are answered.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from revops_pipelines.sandbox.dynamics.ids import guid
from revops_pipelines.sandbox.dynamics.shapes import Column, Table
from revops_pipelines.sandbox.dynamics.shelf import Shelf
from revops_pipelines.sandbox.dynamics.story import Ref, moment_of, shown

ENCODER = msgspec.json.Encoder(decimal_format="number")
FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
ANNOTATIONS = (FORMATTED, LOGICAL_NAME, NAVIGATION)
# Version numbers are counted through the whole environment; ours rise with time.
_VERSIONS_FROM = 1_500_000_000_000


def annotations_in(asked: str) -> tuple[str, ...]:
    """Annotations that a preference names; `*` stands for any letters.

    >>> annotations_in("OData.Community.Display.V1.FormattedValue") == (FORMATTED,)
    True
    >>> annotations_in("*") == ANNOTATIONS
    True
    """
    patterns = [part.strip() for part in asked.split(",") if part.strip()]
    return tuple(
        name for name in ANNOTATIONS if any(fnmatchcase(name, pattern) for pattern in patterns)
    )


def version_of(at: int) -> int:
    """A row's version number after a change at that moment."""
    return at - _VERSIONS_FROM


def values_of(shelf: Shelf, position: int, now: int) -> tuple[dict[str, Any], int]:
    """A row's values by column as they stand, and when it last changed."""
    story = shelf.kind.story(position)
    count = max(1, bisect_right([change.at for change in story], now))
    values: dict[str, Any] = {}
    for change in story[:count]:
        values.update(change.values)
    modified = story[count - 1].at
    values.setdefault("createdon", moment_of(story[0].at))
    values["modifiedon"] = moment_of(modified)
    values["versionnumber"] = version_of(modified)
    return values, modified


def row(
    table: Table,
    shelf: Shelf,
    position: int,
    now: int,
    columns: Sequence[Column],
    wanted: Sequence[str],
) -> dict[str, Any]:
    """The row with those columns (and always its key), annotated as wanted."""
    values, modified = values_of(shelf, position, now)
    values[table.id_column] = identifier(table, shelf, position)
    body: dict[str, Any] = {"@odata.etag": f'W/"{version_of(modified)}"'}
    for column in columns:
        value = values.get(column.name)
        if wanted and value is not None:
            body.update(_annotated(column, value, wanted))
        body[column.key] = plain(value)
    return body


def told(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """Some columns of a row, filled ones only and annotated: an audit's before or after."""
    body: dict[str, Any] = {"@odata.type": f"#Microsoft.Dynamics.CRM.{table.name}"}
    for name, value in values.items():
        column = table.columns[name]
        if value is not None:
            body.update(_annotated(column, value, ANNOTATIONS))
            body[column.key] = plain(value)
    return body


def identifier(table: Table, shelf: Shelf, position: int) -> str:
    """The row's GUID."""
    return guid(table.name, int(shelf.numbers[position]))


def selected(table: Table, names: Sequence[str] | None) -> list[Column]:
    """Columns that a `$select` names by their JSON names; the key comes with them.

    An amount brings its currency along. Raises KeyError for an unknown name.
    """
    by_key = {column.key: column for column in table.columns.values()}
    if names is None:
        return list(by_key.values())
    chosen = {name: by_key[name] for name in names}
    currency = table.columns.get("transactioncurrencyid")
    if currency is not None and any(column.kind == "Money" for column in chosen.values()):
        chosen[currency.key] = currency
    key = table.columns[table.id_column]
    return list({**chosen, key.key: key}.values())


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Ref):
        return value.id
    if isinstance(value, datetime):
        return shown(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


def _annotated(column: Column, value: Any, wanted: Sequence[str]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(value, Ref):
        if NAVIGATION in wanted:
            suffix = f"_{value.table}" if len(column.targets) > 1 else ""
            found[f"{column.key}@{NAVIGATION}"] = f"{column.name}{suffix}"
        if LOGICAL_NAME in wanted:
            found[f"{column.key}@{LOGICAL_NAME}"] = value.table
    label = _label(column, value)
    if label is not None and FORMATTED in wanted:
        found[f"{column.key}@{FORMATTED}"] = label
    return found


def _label(column: Column, value: Any) -> str | None:
    """What people see; None for plain text."""
    if isinstance(value, Ref):
        return value.name
    if column.choices:
        return column.choices.get(value)
    for kind, written in _WRITTEN.items():
        if isinstance(value, kind):
            return written(value)
    return None


def _day(value: date) -> str:
    return f"{value.month}/{value.day}/{value.year}"


# A truth value is a number and a moment a day as well: the narrower come first.
_WRITTEN: Mapping[type, Callable[[Any], str]] = {
    bool: lambda value: "Yes" if value else "No",
    datetime: lambda value: f"{_day(value)} {value:%I:%M %p}",
    date: _day,
    Decimal: lambda value: f"{value:,.2f}",
    int: lambda value: f"{value:,}",
}
