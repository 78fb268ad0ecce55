"""Reading SOQL: the part of the query language that programs use to take data out.

Belongs here: text to a tree. Does not: whether the fields exist, or what they hold (`query.py`).

`SELECT` of fields, of parents' fields (`RecordType.Name`), `FIELDS()`, `COUNT()`, `COUNT(f)`,
`MIN(f)`, `MAX(f)`; `WHERE` with AND, OR, NOT, brackets, comparisons, LIKE, IN; `ORDER BY`, `LIMIT`,
`OFFSET`. As in Salesforce, AND and OR do not mix without brackets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from revops_pipelines.sandbox.salesforce.errors import malformed
from revops_pipelines.sandbox.salesforce.story import epoch_ms

TOKENS = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
  | (?P<date>\d{4}-\d\d-\d\d)(?![\dT])
  | (?P<number>[+-]?\d+(?:\.\d+)?)(?![\w-])
  | (?P<name>[A-Za-z_][\w.]*)
  | (?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
COMPARISONS = ("=", "!=", "<>", "<", "<=", ">", ">=")
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
FUNCTIONS = ("FIELDS", "COUNT", "MIN", "MAX")
MOST_OFFSET = 2_000


class Token(NamedTuple):
    """A piece of the text."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written: kind string, number, boolean, null, date or datetime."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Compare:
    """`field op value`; op is a comparison, LIKE, IN or NOT IN (then `values` holds several)."""

    field: str
    op: str
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Junction:
    """AND, OR, or NOT of one."""

    op: str
    parts: tuple[Condition, ...]


Condition = Compare | Junction


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing selected: a field's path, or a function of one; `COUNT()` has no argument."""

    path: str
    function: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One key of the order; nulls come first unless said otherwise."""

    path: str
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A query as read."""

    wanted: tuple[Wanted, ...]
    sobject: str
    where: Condition | None
    order: tuple[Order, ...]
    limit: int | None
    offset: int


def parse(text: str) -> Query:
    """Read a query; `Refused` with MALFORMED_QUERY where it cannot be.

    >>> parse("SELECT Id FROM Lead WHERE IsConverted = false LIMIT 5").limit
    5
    """
    return _Reader(text).query()


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = TOKENS.match(text, position)
        if match is None or match.lastgroup is None:
            raise malformed(f"unexpected token: '{text[position:].strip()[:20]}'")
        tokens.append(Token(match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return [*tokens, Token("end", "<EOF>")]


class _Reader:
    """Recursive descent over the tokens."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    def query(self) -> Query:
        self._word("SELECT")
        wanted = [self._wanted()]
        while self._taken(","):
            wanted.append(self._wanted())
        self._word("FROM")
        sobject = self._name()
        where = self._either() if self._has("WHERE") else None
        order = self._orders()
        limit = self._count() if self._has("LIMIT") else None
        offset = self._count() if self._has("OFFSET") else 0
        if offset > MOST_OFFSET:
            raise malformed("Maximum SOQL offset allowed is 2000")
        if self._next.kind != "end":
            raise self._unexpected()
        return Query(tuple(wanted), sobject, where, order, limit, offset)

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _unexpected(self) -> Exception:
        return malformed(f"unexpected token: '{self._next.text}'")

    def _is(self, word: str) -> bool:
        return self._next.kind in ("name", "sign") and self._next.text.upper() == word

    def _taken(self, sign: str) -> bool:
        if self._is(sign):
            self._at += 1
            return True
        return False

    def _has(self, word: str) -> bool:
        return self._taken(word)

    def _word(self, word: str) -> None:
        if not self._has(word):
            raise self._unexpected()

    def _name(self) -> str:
        if self._next.kind != "name":
            raise self._unexpected()
        return self._take().text

    def _count(self) -> int:
        if self._next.kind != "number" or not self._next.text.isdigit():
            raise self._unexpected()
        return int(self._take().text)

    def _wanted(self) -> Wanted:
        name = self._name()
        if not self._taken("("):
            return Wanted(name)
        if name.upper() not in FUNCTIONS:
            raise malformed(f"unexpected token: '{name}'")
        path = "" if self._is(")") else self._name()
        self._word(")")
        return Wanted(path, name.upper())

    def _orders(self) -> tuple[Order, ...]:
        if not self._has("ORDER"):
            return ()
        self._word("BY")
        orders = [self._order()]
        while self._taken(","):
            orders.append(self._order())
        return tuple(orders)

    def _order(self) -> Order:
        path = self._name()
        descending = self._has("DESC")
        if not descending:
            self._has("ASC")
        nulls_last = False
        if self._has("NULLS"):
            nulls_last = self._has("LAST")
            if not nulls_last:
                self._word("FIRST")
        return Order(path, descending, nulls_last)

    def _either(self) -> Condition:
        """Conditions joined by one kind of word."""
        parts = [self._one()]
        joined = ""
        while self._is("AND") or self._is("OR"):
            if joined and not self._is(joined):
                raise self._unexpected()
            joined = self._take().text.upper()
            parts.append(self._one())
        return Junction(joined, tuple(parts)) if joined else parts[0]

    def _one(self) -> Condition:
        if self._has("NOT"):
            return Junction("NOT", (self._one(),))
        if self._taken("("):
            inside = self._either()
            self._word(")")
            return inside
        return self._comparison()

    def _comparison(self) -> Condition:
        name = self._name()
        if self._has("NOT"):
            self._word("IN")
            return Compare(name, "NOT IN", self._literals())
        if self._has("IN"):
            return Compare(name, "IN", self._literals())
        if self._has("LIKE"):
            return Compare(name, "LIKE", (self._literal(),))
        if self._next.text not in COMPARISONS:
            raise self._unexpected()
        op = self._take().text
        return Compare(name, "!=" if op == "<>" else op, (self._literal(),))

    def _literals(self) -> tuple[Literal, ...]:
        self._word("(")
        values = [self._literal()]
        while self._taken(","):
            values.append(self._literal())
        self._word(")")
        return tuple(values)

    def _literal(self) -> Literal:
        kind, text = self._next
        if kind == "name" and text.lower() in ("true", "false", "null"):
            self._take()
            if text.lower() == "null":
                return Literal("null", None)
            return Literal("boolean", text.lower() == "true")
        if kind not in ("string", "number", "date", "datetime"):
            raise self._unexpected()
        self._take()
        return Literal(kind, _value(kind, text))


def _value(kind: str, text: str) -> Any:
    if kind == "string":
        return re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[1]), text[1:-1])
    if kind == "number":
        return float(text)
    if kind == "datetime":
        try:
            return epoch_ms(datetime.fromisoformat(text))
        except ValueError as error:
            raise malformed(f"Invalid datetime: {text}") from error
    return text
