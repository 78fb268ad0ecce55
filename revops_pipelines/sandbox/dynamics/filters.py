"""The `$filter` language, as far as clients need it.

Belongs here: reading an expression and judging a row by it. Does not: which rows are looked at.

Comparisons `eq ne gt ge lt le`; `and or not` and parentheses; `contains startswith endswith`;
`Microsoft.Dynamics.CRM.In(PropertyName='x',PropertyValues=['a','b'])`. Text is compared without
regard to case, as in Dataverse.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

Getter = Callable[[str], Any]
Test = Callable[[Getter], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*'|\"[^\"]*\")"
    r"|(?P<moment>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z)?(?![\w-]))"
    r"|(?P<guid>[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"
    r"|(?P<number>-?\d+(?:\.\d+)?(?![\w.]))"
    r"|(?P<name>[A-Za-z_][\w./]*)"
    r"|(?P<mark>[(),=\[\]]))"
)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_TEXT: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": str.startswith,
    "endswith": str.endswith,
}
_IN = "Microsoft.Dynamics.CRM.In"


class FilterError(Exception):
    """The expression cannot be read; the message is what Dataverse would say."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: its test, the names it reads, and lower bounds that all rows must meet.

    `since` holds the earliest `modifiedon` and `createdon` of any match where the filter says so;
    `among` the values of an `In`, by name.
    """

    test: Test
    names: frozenset[str]
    since: Mapping[str, datetime]
    among: Mapping[str, frozenset[str]]


def parse(text: str) -> Filter:
    """Read a `$filter`. Raises FilterError."""
    reader = _Reader(_tokens(text), text)
    test = reader.any_of()
    if reader.token() is not None:
        raise FilterError(f"Syntax error at position {reader.place} in '{text}'.")
    since = {} if reader.is_loose else reader.since
    return Filter(test, frozenset(reader.names), since, {} if reader.is_loose else reader.among)


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    place = 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise FilterError(f"Syntax error: character '{text[place]}' is not valid in '{text}'.")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        place = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]], text: str) -> None:
        self._tokens, self._text = tokens, text
        self.place = 0
        self.names: set[str] = set()
        self.since: dict[str, datetime] = {}
        self.among: dict[str, frozenset[str]] = {}
        # An `or` or a `not`: bounds found inside need not hold.
        self.is_loose = False

    def token(self) -> tuple[str, str] | None:
        return self._tokens[self.place] if self.place < len(self._tokens) else None

    def _take(self, wanted: str | None = None) -> tuple[str, str]:
        token = self.token()
        if token is None or (wanted is not None and token[1] != wanted):
            raise FilterError(f"Expression expected at position {self.place} in '{self._text}'.")
        self.place += 1
        return token

    def _has(self, word: str) -> bool:
        if self.token() == ("name", word):
            self.place += 1
            return True
        return False

    def any_of(self) -> Test:
        tests = [self._all_of()]
        while self._has("or"):
            self.is_loose = True
            tests.append(self._all_of())
        return tests[0] if len(tests) == 1 else lambda get: any(test(get) for test in tests)

    def _all_of(self) -> Test:
        tests = [self._one()]
        while self._has("and"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda get: all(test(get) for test in tests)

    def _one(self) -> Test:
        if self._has("not"):
            self.is_loose = True
            inner = self._one()
            return lambda get: not inner(get)
        kind, word = self._take()
        if word == "(" and kind == "mark":
            test = self.any_of()
            self._take(")")
            return test
        if kind != "name":
            raise FilterError(f"'{word}' is not a property in '{self._text}'.")
        if word == _IN:
            return self._membership()
        if word in _TEXT:
            return self._text_test(word)
        return self._comparison(word)

    def _comparison(self, name: str) -> Test:
        self.names.add(name)
        _, word = self._take()
        compare = _COMPARE.get(word)
        if compare is None:
            raise FilterError(f"The operator '{word}' is not supported.")
        wanted = self._literal()
        if word in ("ge", "gt") and isinstance(wanted, datetime):
            self.since[name] = max(wanted, self.since.get(name, wanted))
        return lambda get: _compared(compare, word, get(name), wanted)

    def _text_test(self, word: str) -> Test:
        self._take("(")
        _, name = self._take()
        self.names.add(name)
        self._take(",")
        wanted = str(self._literal()).lower()
        self._take(")")
        check = _TEXT[word]
        return lambda get: check(str(get(name) or "").lower(), wanted)

    def _membership(self) -> Test:
        self._take("(")
        self._take("PropertyName")
        self._take("=")
        name = str(self._literal())
        self._take(",")
        self._take("PropertyValues")
        self._take("=")
        self._take("[")
        values: set[str] = set()
        while self.token() is not None and self.token() != ("mark", "]"):
            values.add(str(self._literal()).lower())
            if self.token() == ("mark", ","):
                self._take()
        self._take("]")
        self._take(")")
        self.among[name] = frozenset(values)
        return lambda get: str(get(name)).lower() in values

    def _literal(self) -> Any:
        kind, word = self._take()
        if kind == "text":
            return word[1:-1].replace("''", "'")
        if kind == "number":
            return Decimal(word)
        if kind == "guid":
            return word.lower()
        if kind == "moment":
            if "T" not in word:
                return date.fromisoformat(word)
            return datetime.fromisoformat(word).astimezone(UTC)
        named = {"true": True, "false": False, "null": None}
        if word in named:
            return named[word]
        raise FilterError(f"'{word}' is not a value in '{self._text}'.")


def _compared(compare: Callable[[Any, Any], bool], word: str, value: Any, wanted: Any) -> bool:
    """SQL's way with nulls: only `eq null` and `ne null` look at them."""
    if value is None or wanted is None:
        both = value is None and wanted is None
        return both if word == "eq" else (word == "ne" and not both)
    if isinstance(value, datetime):
        value = value.replace(microsecond=0)
        if isinstance(wanted, date) and not isinstance(wanted, datetime):
            wanted = datetime(wanted.year, wanted.month, wanted.day, tzinfo=UTC)
    elif isinstance(value, str):
        value, wanted = value.lower(), str(wanted).lower()
    return compare(value, wanted)
