"""Found records written down: JSON for REST, CSV for Bulk 2.0.

Belongs here: one record as text, by the kinds of its fields. Does not: which records, or pages.

REST writes instants with `+0000` and nulls as null; Bulk with `Z`, and null like the empty text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from revops_pipelines.sandbox.salesforce.query import Column, Found
from revops_pipelines.sandbox.salesforce.story import bulk_text, rest_text
from revops_pipelines.sandbox.salesforce.table import Table

DELIMITERS = {
    "BACKQUOTE": "`",
    "CARET": "^",
    "COMMA": ",",
    "PIPE": "|",
    "SEMICOLON": ";",
    "TAB": "\t",
}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}


def rest_value(kind: str, value: Any) -> Any:
    """A field's value in JSON.

    >>> rest_value("datetime", 60_999), rest_value("boolean", None)
    ('1970-01-01T00:01:00.000+0000', False)
    """
    if kind == "boolean":
        return bool(value)
    if value is None:
        return None
    return rest_text(value) if kind == "datetime" else value


def bulk_value(kind: str, value: Any) -> str:
    """A field's value in CSV.

    >>> bulk_value("datetime", 60_999), bulk_value("currency", None), bulk_value("boolean", True)
    ('1970-01-01T00:01:00.000Z', '', 'true')
    """
    if kind == "boolean":
        return "true" if value else "false"
    if value is None:
        return ""
    return bulk_text(value) if kind == "datetime" else str(value)


def records(found: Found, table: Table, positions: Iterable[int], base: str) -> list[Any]:
    """Records as REST shows them; `base` is the path before `/sobjects`."""
    if found.aggregates is not None:
        return [_aggregate(found)]
    own = [column for column in found.columns if len(column.path) == 1]
    far = [column for column in found.columns if len(column.path) > 1]
    shown = []
    for position in positions:
        row = table.row(position, found.now)
        record: dict[str, Any] = {"attributes": _attributes(found.sobject, row["Id"], base)}
        for column in own:
            name = column.path[0]
            record[name] = rest_value(column.field.kind, row.get(name))
        for column in far:
            _nest(record, column, row, found.now, base)
        shown.append(record)
    return shown


def _attributes(sobject: str, id_: str, base: str) -> dict[str, str]:
    return {"type": sobject, "url": f"{base}/sobjects/{sobject}/{id_}"}


def _aggregate(found: Found) -> dict[str, Any]:
    record: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
    for number, value in enumerate(found.aggregates or ()):
        kind = found.columns[number].field.kind
        is_moment = kind == "datetime" and isinstance(value, int) and value > 2**33
        record[f"expr{number}"] = rest_text(value) if is_moment else value
    return record


def _nest(record: dict[str, Any], column: Column, row: Any, now: int, base: str) -> None:
    """A parent's field, inside the parent; a lookup that is empty shows null."""
    inside = record
    for name, parent in zip(column.path, column.parents(row, now), strict=False):
        if parent is None:
            inside.setdefault(name, None)
            return
        inside = inside.setdefault(name, {"attributes": _attributes(*parent, base)})
    inside[column.path[-1]] = rest_value(column.field.kind, column.value(row, now))


def table_of(
    found: Found, table: Table, positions: Sequence[int], delimiter: str, line_ending: str
) -> bytes:
    """Records as Bulk 2.0 shows them: everything in quotes, a head line of names."""
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=DELIMITERS[delimiter],
        lineterminator=LINE_ENDINGS[line_ending],
        quoting=csv.QUOTE_ALL,
    )
    writer.writerow([".".join(column.path) for column in found.columns])
    kinds = [(column.field.kind, column.path[0], column) for column in found.columns]
    for position in positions:
        row = table.row(position, found.now)
        writer.writerow(
            [
                bulk_value(
                    kind,
                    row.get(name) if len(column.path) == 1 else column.value(row, found.now),
                )
                for kind, name, column in kinds
            ]
        )
    return text.getvalue().encode()
