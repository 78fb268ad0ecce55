"""Audits: one row for each change of a column that the company audits.

Belongs here: which columns these are and how a change is written down. Does not: the changes.

`changedata` lists what changed as text, before and after: choices by number, lookups as
`table,identifier`, days and moments in American order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from revops_pipelines.sandbox.dynamics.ids import guid
from revops_pipelines.sandbox.dynamics.shelf import Shelf
from revops_pipelines.sandbox.dynamics.story import Change, Ref, Values

AUDITED = {
    "lead": ("ownerid", "statecode", "statuscode", "masterid", "parentcontactid"),
    "contact": ("ownerid", "statecode", "statuscode"),
    "opportunity": (
        "ownerid",
        "statecode",
        "statuscode",
        "stepname",
        "new_pipeline",
        "estimatedvalue",
        "estimatedclosedate",
        "actualclosedate",
        "closeprobability",
        "msdyn_forecastcategory",
    ),
    "transactioncurrency": ("exchangerate",),
}
CREATE, UPDATE, DELETE = 1, 2, 3
NUMBERS_FROM, STEP = 95_000_000_000, 11
_DELETED = -1


class Audits:
    """The audits, in order of number, which rises with time."""

    name = "audit"

    def __init__(self, shelves: Sequence[Shelf]) -> None:
        self._shelves = {shelf.kind.name: shelf for shelf in shelves}
        found: list[tuple[int, str, int, int]] = []
        for name, columns in AUDITED.items():
            found.extend(_changes(self._shelves[name], set(columns)))
        found.sort()
        self._found = found

    def __len__(self) -> int:
        return len(self._found)

    def number(self, position: int) -> int:
        """The number in its identifier."""
        return NUMBERS_FROM + position * STEP

    def gone(self, position: int) -> int | None:
        """Audits outlive what they tell of."""
        return None

    def moments(self, position: int) -> list[int]:
        """When it was made."""
        return [self._found[position][0]]

    def rows(self, position: int) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """The table it is of, and its changed columns before and after."""
        _, name, of, place = self._found[position]
        if place == _DELETED:
            return name, {}, {}
        story = self._shelves[name].kind.story(of)
        before, now = _values(story[:place]), story[place].values
        new = {
            column: now[column]
            for column in AUDITED[name]
            if column in now and (place == 0 or now[column] != before.get(column))
        }
        return name, {column: before.get(column) for column in new}, new

    def story(self, position: int) -> list[Change]:
        """What it says."""
        at, name, of, place = self._found[position]
        shelf = self._shelves[name]
        story = shelf.kind.story(of)
        number = int(shelf.numbers[of])
        before = _values(story[: max(0, place)])
        values: dict[str, Any] = {
            "objecttypecode": name,
            "objectid": Ref(name, guid(name, number), ""),
            "transactionid": guid("audit", self.number(position) + 1),
        }
        if place == _DELETED:
            return [Change(at, values | {"operation": DELETE, "action": DELETE})]
        now = story[place].values
        _, old, new = self.rows(position)
        changed = [
            {
                "logicalName": column,
                "oldValue": text(old.get(column)) or None,
                "newValue": text(value) or None,
            }
            for column, value in new.items()
        ]
        values["operation"] = CREATE if place == 0 else UPDATE
        values["action"] = _action(values["operation"], name, now)
        values["changedata"] = msgspec.json.encode({"changedAttributes": changed}).decode()
        owner = {**before, **now}.get("ownerid")
        if isinstance(owner, Ref) and owner.table == "systemuser":
            values["userid"] = owner
        return [Change(at, values)]


def _changes(shelf: Shelf, columns: set[str]) -> Iterator[tuple[int, str, int, int]]:
    kind = shelf.kind
    for position in range(len(kind)):
        ends = kind.gone(position)
        before: dict[str, Any] = {}
        for place, change in enumerate(kind.story(position)):
            told = {name: value for name, value in change.values.items() if name in columns}
            moved = any(before.get(name) != value for name, value in told.items())
            before.update(told)
            if (place == 0 or moved) and (ends is None or change.at < ends):
                yield change.at, kind.name, position, place
        if ends is not None:
            yield ends, kind.name, position, _DELETED


def _values(story: Sequence[Change]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for change in story:
        values.update(change.values)
    return values


def _action(operation: int, name: str, now: Values) -> int:
    if operation == CREATE:
        return CREATE
    if name == "opportunity" and now.get("statecode") in (1, 2):
        return 44 if now["statecode"] == 1 else 45
    if name == "lead" and now.get("statecode") in (1, 2):
        return 12 if now.get("merged") else 24 if now["statecode"] == 1 else 25
    return 13 if "ownerid" in now else UPDATE


def text(value: object) -> str:
    """A value in `changedata`.

    >>> text(Ref("systemuser", "abc", "Ada")), text(date(2026, 1, 31)), text(Decimal("12.50"))
    ('systemuser,abc', '01/31/2026 00:00:00', '12.50')
    """
    if value is None:
        return ""
    if isinstance(value, Ref):
        return f"{value.table},{value.id}"
    if isinstance(value, datetime):
        return f"{value:%m/%d/%Y %H:%M:%S}"
    if isinstance(value, date):
        return f"{value:%m/%d/%Y} 00:00:00"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)
