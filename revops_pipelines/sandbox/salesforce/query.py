"""Answering SOQL: which records a query finds, and what it shows of them.

Belongs here: resolving fields and parents, choosing records by index or by test, order and limit.
Does not: pages, JSON or CSV.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from revops_pipelines.sandbox.salesforce.conditions import (
    FIRST,
    LAST,
    bounds_of,
    sort_rows,
    test_of,
)
from revops_pipelines.sandbox.salesforce.errors import Refused, invalid_field, malformed
from revops_pipelines.sandbox.salesforce.objects import Field, SObject
from revops_pipelines.sandbox.salesforce.org import Org
from revops_pipelines.sandbox.salesforce.soql import Condition, Query, Wanted, parse
from revops_pipelines.sandbox.salesforce.table import Numbers, Row, Table

MOST_WITH_ALL_FIELDS = 200
MODSTAMP = "SystemModstamp"
NATURAL_ORDERS: tuple[tuple[str, ...], ...] = ((MODSTAMP,), (MODSTAMP, "Id"))


@dataclass(frozen=True, slots=True)
class Column:
    """Something selected: its path as the schema spells it, the field at its end, its value."""

    path: tuple[str, ...]
    field: Field
    value: Callable[[Row, int], Any]
    # Object and id of each parent on the way at a moment; ends with null where a lookup is empty.
    parents: Callable[[Row, int], Sequence[tuple[str, str] | None]]


@dataclass(frozen=True, slots=True)
class Found:
    """A query's answer: what to show, of which records, as of when."""

    sobject: str
    columns: tuple[Column, ...]
    positions: Numbers
    now: int
    aggregates: tuple[Any, ...] | None = None
    is_count: bool = False


class Queries:
    """Answers queries about one organisation."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def find(self, text: str, *, everything: bool) -> Found:
        """Run a query; with `everything` also on deleted and archived records."""
        query = parse(text)
        sobject = self.sobject(query.sobject)
        now = self._org.now()
        if query.wanted[0].function in ("COUNT", "MIN", "MAX"):
            return self._aggregated(query, sobject, now, everything=everything)
        columns = self._columns(query, sobject, text)
        positions = self._positions(query, sobject, now, everything=everything)
        return Found(sobject.name, columns, positions, now)

    def sobject(self, name: str) -> SObject:
        """The object of a name, whatever its capitals."""
        for known, sobject in self._org.schema.items():
            if known.lower() == name.lower():
                return sobject
        raise Refused(
            400,
            "INVALID_TYPE",
            f"\nSELECT FROM {name}\n^\nERROR at Row:1:Column:1\nsObject type '{name}' is not "
            "supported. If you are attempting to use a custom object, be sure to append the '__c' "
            "after the entity name. Please reference your WSDL or the describe call for the "
            "appropriate names.",
        )

    def _columns(self, query: Query, sobject: SObject, text: str) -> tuple[Column, ...]:
        columns: dict[tuple[str, ...], Column] = {}
        for wanted in query.wanted:
            names = _every(wanted, sobject, query.limit) if wanted.function else (wanted.path,)
            for name in names:
                column = self.column(sobject, name, text)
                if column.path in columns and not wanted.function:
                    raise Refused(400, "INVALID_FIELD", f"duplicate field selected: {name}")
                columns[column.path] = column
        return tuple(columns.values())

    def column(self, sobject: SObject, path: str, text: str = "") -> Column:
        """What a path like `RecordType.Name` means on an object."""
        first, _, rest = path.partition(".")
        if not rest:
            return _own(sobject, first, text)
        link = _link(sobject, first, text)
        parents = [self._org.schema[name] for name in link.to if name in self._org.schema]
        if not parents:
            raise _no_such_column(sobject.name, first, text)
        inner = self.column(parents[0], rest, text)

        def parent_of(row: Row, now: int) -> tuple[str, Row] | None:
            id_ = row.get(link.name)
            for each in parents:
                table = self._org.table(each.name)
                position = None if id_ is None else table.find(id_)
                if position is not None:
                    return each.name, table.row(position, now)
            return None

        def value(row: Row, now: int) -> Any:
            parent = parent_of(row, now)
            return None if parent is None else inner.value(parent[1], now)

        def chain(row: Row, now: int) -> Sequence[tuple[str, str] | None]:
            parent = parent_of(row, now)
            if parent is None:
                return (None,)
            return (parent[0], parent[1]["Id"]), *inner.parents(parent[1], now)

        return Column((link.relationship or first, *inner.path), inner.field, value, chain)

    def _positions(self, query: Query, sobject: SObject, now: int, *, everything: bool) -> Numbers:
        table = self._org.table(sobject.name)
        positions, is_exact = _narrowed(table, query.where, now, everything=everything)
        if query.where is not None:
            # Also where the index says it all: the fields must exist.
            test = test_of(query.where, self._resolver(sobject, now))
            if not is_exact:
                kept = [each for each in positions.tolist() if test(table.row(each, now))]
                positions = np.array(kept, np.int64)
        positions = self._ordered(query, sobject, table, positions, now)
        end = None if query.limit is None else query.offset + query.limit
        return positions[query.offset : end]

    def _resolver(
        self, sobject: SObject, now: int
    ) -> Callable[[str], tuple[Field, Callable[[Row], Any]]]:
        def resolve(path: str) -> tuple[Field, Callable[[Row], Any]]:
            column = self.column(sobject, path)
            return column.field, lambda row: column.value(row, now)

        return resolve

    def _ordered(
        self, query: Query, sobject: SObject, table: Table, positions: Numbers, now: int
    ) -> Numbers:
        columns = [(self.column(sobject, each.path), each) for each in query.order]
        names = tuple(column.path[0] for column, _ in columns)
        ascending = not any(each.descending for each in query.order)
        if ascending and names in (("Id",), ()):
            return np.sort(positions)
        if ascending and names in NATURAL_ORDERS and _has_modstamp(sobject):
            # An index by SystemModstamp: all that stand are in order of it.
            every = table.changed(now, 0, now // 1_000 + 1, everything=True)
            return every[np.isin(every, positions)]
        rows = np.sort(positions).tolist()
        keys = [
            (_key(column, table, now), each.descending, each.nulls_last) for column, each in columns
        ]
        sort_rows(rows, keys)
        return np.array(rows, np.int64)

    def _aggregated(self, query: Query, sobject: SObject, now: int, *, everything: bool) -> Found:
        if any(wanted.function not in ("COUNT", "MIN", "MAX") for wanted in query.wanted):
            raise malformed("Field must be grouped or aggregated")
        positions = self._positions(query, sobject, now, everything=everything)
        if query.wanted == (Wanted("", "COUNT"),):
            return Found(sobject.name, (), positions, now, is_count=True)
        table = self._org.table(sobject.name)
        columns = tuple(self.column(sobject, wanted.path) for wanted in query.wanted)
        results = []
        for wanted, column in zip(query.wanted, columns, strict=True):
            values = [column.value(table.row(each, now), now) for each in positions.tolist()]
            known = [value for value in values if value is not None]
            results.append(_aggregate(wanted.function or "", known))
        return Found(sobject.name, columns, positions, now, tuple(results))


def _aggregate(function: str, values: Sequence[Any]) -> Any:
    if function == "COUNT":
        return len(values)
    return (min if function == "MIN" else max)(values, default=None)


def _key(column: Column, table: Table, now: int) -> Callable[[int], Any]:
    def key(position: int) -> Any:
        value = column.value(table.row(position, now), now)
        return value // 1_000 if column.field.kind == "datetime" and value is not None else value

    return key


def _narrowed(
    table: Table, where: Condition | None, now: int, *, everything: bool
) -> tuple[Numbers, bool]:
    """Records worth a look, and whether these are all and only those that the condition takes."""
    if where is None:
        return table.standing(now, everything=everything), True
    stamped, created = bounds_of(where, MODSTAMP), bounds_of(where, "CreatedDate")
    if _has_modstamp(table.schema) and (stamped.low > FIRST or stamped.high < LAST):
        found = table.changed(now, stamped.low, stamped.high, everything=everything)
        return found, stamped.is_exact
    positions = table.standing(now, everything=everything)
    seconds = table.born[positions] // 1_000
    chosen = positions[(seconds >= created.low) & (seconds < created.high)]
    return chosen, created.is_exact


def _has_modstamp(sobject: SObject) -> bool:
    return MODSTAMP in sobject.fields


def _own(sobject: SObject, name: str, text: str) -> Column:
    field = next((each for each in sobject.fields.values() if _same(each.name, name)), None)
    if field is None:
        raise _no_such_column(sobject.name, name, text)
    known = field.name
    return Column((known,), field, lambda row, now: row.get(known), lambda row, now: ())


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _link(sobject: SObject, name: str, text: str) -> Field:
    for field in sobject.fields.values():
        if field.relationship is not None and field.relationship.lower() == name.lower():
            return field
    raise invalid_field(
        f"\n{text}\n^\nERROR at Row:1:Column:1\nDidn't understand relationship '{name}' in field "
        "path. If you are attempting to use a custom relationship, be sure to append the '__r' "
        "after the custom relationship name."
    )


def _no_such_column(sobject: str, name: str, text: str) -> Refused:
    return invalid_field(
        f"\n{text}\n^\nERROR at Row:1:Column:{max(text.find(name), 0) + 1}\nNo such column "
        f"'{name}' on entity '{sobject}'. If you are attempting to use a custom field, be sure to "
        "append the '__c' after the custom field name. Please reference your WSDL or the describe "
        "call for the appropriate names."
    )


def _every(wanted: Wanted, sobject: SObject, limit: int | None) -> Sequence[str]:
    """The fields that `FIELDS(...)` stands for; all and custom ones only with a small limit."""
    what = wanted.path.upper()
    if wanted.function != "FIELDS" or what not in ("ALL", "STANDARD", "CUSTOM"):
        raise malformed(f"unexpected token: '{wanted.function}'")
    if what != "STANDARD" and (limit is None or limit > MOST_WITH_ALL_FIELDS):
        raise malformed("The SOQL FIELDS function must have a LIMIT of at most 200")
    fields = sobject.fields.values()
    return [each.name for each in fields if what == "ALL" or each.is_custom == (what == "CUSTOM")]
