"""One form for a record, however it was read.

Belongs here: pure functions from a query's JSON or a Bulk result's cells to the record that is
landed. Does not: fetching either.

REST and Bulk word the same value differently: `2026-01-02T03:04:05.000+0000` and `...Z`, 100.0 and
"100", null and "". Landed in one form, a record that is read twice is no new version of itself.
Numbers stay decimal: money never passes through a float.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import msgspec

from revops_pipelines.resources.sources.salesforce.schema import Field

_NUMBERS = frozenset({"double", "currency", "percent", "int", "long"})
_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_encode = msgspec.json.Encoder().encode


class Record(NamedTuple):
    """A record to land, and what of it pulling needs: is it gone since when, into which other."""

    id: str
    line: bytes
    changed_at: str | None
    is_deleted: bool
    master_id: str | None

    @property
    def gone_at(self) -> datetime | None:
        """When it was deleted: its last change is the deletion. None: nothing dates it."""
        if self.changed_at is None:
            return None
        return datetime.fromisoformat(self.changed_at).astimezone(UTC)


class Shape:
    """Makes records of one query: its fields, in order."""

    def __init__(self, fields: Sequence[Field], cursor: str) -> None:
        self.names = [each.name for each in fields]
        self._types = [each.type for each in fields]
        self._cursor = cursor

    def of_cells(self, cells: Sequence[str]) -> Record:
        """A record out of a Bulk result's row, whose cells are in the query's order."""
        values = {
            name: of_text(text, kind)
            for name, kind, text in zip(self.names, self._types, cells, strict=True)
        }
        return self._record(values)

    def of_answer(self, record: bytes) -> Record:
        """A record out of a query's answer."""
        sent = _decoder.decode(record)
        values = {
            name: of_value(sent.get(name), kind)
            for name, kind in zip(self.names, self._types, strict=True)
        }
        return self._record(values)

    def _record(self, values: dict[str, Any]) -> Record:
        return Record(
            str(values.get("Id")),
            _encode(values),
            values.get(self._cursor),
            values.get("IsDeleted") is True,
            values.get("MasterRecordId"),
        )


def of_text(text: str, kind: str) -> Any:
    """A Bulk cell's value by its field's type; what is not of the type stays text.

    >>> of_text("", "string"), of_text("true", "boolean"), of_text("2026-01-02", "date")
    (None, True, '2026-01-02')
    >>> _encode(of_text("100.50", "currency")), of_text("many", "double")
    (b'100.5', 'many')
    """
    if text == "":
        return None
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind in _NUMBERS:
        return number(text)
    return moment(text) if kind == "datetime" else text.replace("\r\n", "\n")


def of_value(value: Any, kind: str) -> Any:
    """A query's value in the form of a Bulk cell's.

    >>> of_value("2026-01-02T03:04:05.000+0000", "datetime"), of_value("", "string")
    ('2026-01-02T03:04:05.000Z', None)
    >>> _encode(of_value(Decimal("100.0"), "currency")), of_value(Decimal("1.0"), "anyType")
    (b'100', '1.0')
    """
    if value is None or value == "":
        return None
    if kind in _NUMBERS:
        return number(str(value))
    if kind == "boolean" and isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return _as_text(value)
    return moment(value) if kind == "datetime" else value.replace("\r\n", "\n")


def _as_text(value: Any) -> str:
    """A value of a field of any type (a history's old and new) as a Bulk cell writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return str(value)


def moment(text: str) -> str:
    """An instant with Z, which is how Bulk ends it.

    >>> moment("2026-01-02T03:04:05.000+0000")
    '2026-01-02T03:04:05.000Z'
    """
    return text[:-5] + "Z" if text.endswith("+0000") else text


def number(text: str) -> Any:
    """A number's shortest decimal spelling as JSON; the text itself where it is none.

    >>> _encode(number("100.0")), _encode(number("1.0E7")), _encode(number("-0.0"))
    (b'100', b'10000000', b'0')
    """
    try:
        # Adding zero drops the sign of a negative one.
        value = Decimal(text).normalize() + 0
    except InvalidOperation:
        return text
    if not value.is_finite():
        return text
    return msgspec.Raw(format(value, "f").encode())
