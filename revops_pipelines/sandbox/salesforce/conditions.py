"""What a WHERE means: which rows it takes, and which bounds on times it sets.

Belongs here: conditions as functions of a row, checked against the schema. Does not: reading them
(`soql.py`), or which rows are tried (`query.py`).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from revops_pipelines.sandbox.salesforce.errors import invalid_field, malformed
from revops_pipelines.sandbox.salesforce.objects import Field
from revops_pipelines.sandbox.salesforce.soql import Compare, Condition, Literal
from revops_pipelines.sandbox.salesforce.table import Row

Test = Callable[[Row], bool]
# Tells a path's field and how to get its value from a row.
Resolve = Callable[[str], tuple[Field, Callable[[Row], Any]]]

NUMBERS = ("int", "double", "currency", "percent")
# Long texts and compounds cannot be filtered.
NOT_FILTERED = ("textarea", "address", "anyType")
ORDERINGS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
FIRST, LAST = 0, 2**40


class Bounds(NamedTuple):
    """Epoch seconds `[low, high)`; `is_exact` where the condition says nothing else."""

    low: int
    high: int
    is_exact: bool


def test_of(condition: Condition, resolve: Resolve) -> Test:
    """The condition as a function of a row; `Refused` where it does not fit the schema."""
    if isinstance(condition, Compare):
        return _comparison(condition, resolve)
    tests = [test_of(part, resolve) for part in condition.parts]
    if condition.op == "NOT":
        return lambda row: not tests[0](row)
    joined = all if condition.op == "AND" else any
    return lambda row: joined(test(row) for test in tests)


def bounds_of(condition: Condition | None, name: str) -> Bounds:
    """What a condition says of a time that every row has; all of it where nothing is said."""
    if condition is None:
        return Bounds(FIRST, LAST, True)
    if isinstance(condition, Compare):
        return _bounds(condition, name)
    if condition.op == "NOT":
        return Bounds(FIRST, LAST, False)
    parts = [bounds_of(part, name) for part in condition.parts]
    lows, highs = [part.low for part in parts], [part.high for part in parts]
    if condition.op == "AND":
        return Bounds(max(lows), min(highs), all(part.is_exact for part in parts))
    return Bounds(min(lows), max(highs), False)


def _bounds(compare: Compare, name: str) -> Bounds:
    literal = compare.values[0]
    if compare.field.lower() != name.lower() or literal.kind != "datetime":
        return Bounds(FIRST, LAST, False)
    # Rows show whole seconds, so any part of one counts as more than it.
    floor, ceiling = literal.value // 1_000, -(-literal.value // 1_000)
    ranges = {
        ">=": (ceiling, LAST),
        ">": (floor + 1, LAST),
        "<": (FIRST, ceiling),
        "<=": (FIRST, floor + 1),
        "=": (ceiling, floor + 1),
    }
    if compare.op not in ranges:
        return Bounds(FIRST, LAST, False)
    return Bounds(*ranges[compare.op], True)


def _comparison(compare: Compare, resolve: Resolve) -> Test:
    field, value_of = resolve(compare.field)
    if field.kind in NOT_FILTERED:
        raise invalid_field(f"field '{field.name}' can not be filtered in a query call")
    wanted = [_checked(field, literal) for literal in compare.values]
    if compare.op in ("IN", "NOT IN"):
        every = {_folded(field, each) for each in wanted}
        negated = compare.op == "NOT IN"
        return lambda row: (_folded(field, value_of(row)) in every) != negated
    single = _folded(field, wanted[0])
    if compare.op == "LIKE":
        return _like(field, value_of, single)
    if compare.op == "=":
        return lambda row: bool(_folded(field, value_of(row)) == single)
    if compare.op == "!=":
        return lambda row: bool(_folded(field, value_of(row)) != single)
    ordering = ORDERINGS[compare.op]

    def test(row: Row) -> bool:
        value = _folded(field, value_of(row))
        return value is not None and single is not None and bool(ordering(value, single))

    return test


def _like(field: Field, value_of: Callable[[Row], Any], pattern: Any) -> Test:
    if not isinstance(pattern, str):
        raise malformed("LIKE operator requires a string")
    signs = {"%": ".*", "_": "."}
    text = "".join(signs.get(letter, re.escape(letter)) for letter in pattern)
    like = re.compile(text, re.DOTALL)
    return lambda row: like.fullmatch(_folded(field, value_of(row)) or "") is not None


def _folded(field: Field, value: Any) -> Any:
    """As it is compared: seconds, texts without regard to capitals, ids with it."""
    if field.kind == "boolean":
        return bool(value)
    if value is None:
        return None
    if field.kind == "datetime":
        return value // 1_000
    if field.kind in ("id", "reference"):
        return str(value)[:15]
    return value.lower() if isinstance(value, str) and field.kind != "date" else value


def _checked(field: Field, literal: Literal) -> Any:
    """The literal's value, if its kind fits the field's."""
    if literal.kind == "null":
        return None
    kind, article = _expected(field.kind)
    if literal.kind != kind:
        raise invalid_field(
            f"value of filter criterion for field '{field.name}' must be of type "
            f"{field.kind if kind != 'datetime' else 'dateTime'} and should {article}be enclosed "
            "in quotes"
        )
    if kind == "datetime":
        return literal.value
    return literal.value


def _expected(kind: str) -> tuple[str, str]:
    if kind in ("datetime", "date", "boolean"):
        return kind, "not "
    return ("number", "not ") if kind in NUMBERS else ("string", "")


def sort_rows(rows: list[Any], keys: Sequence[tuple[Callable[[Any], Any], bool, bool]]) -> None:
    """Sort in place by several keys (value, descending, nulls last), the first one ruling."""
    for value_of, descending, nulls_last in reversed(keys):
        empty = [row for row in rows if value_of(row) is None]
        full = [row for row in rows if value_of(row) is not None]
        full.sort(key=value_of, reverse=descending)
        rows[:] = [*full, *empty] if nulls_last else [*empty, *full]
