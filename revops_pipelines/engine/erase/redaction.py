"""What names a person, in every form in which files hold it; `[erased]` is put in its place.

Belongs here: the words and the text. Does not: where they are looked for.

JSON, HTML and URLs each write some letters in other ways; a name that stands in a payload as
`M\\u00fcller` is the same name.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

ERASED = "[erased]"
# What may not stand before and after a word that is meant: the rest of a longer address or name.
_BEFORE = r"(?<![\w.+%@-])(?<![\w.+%@-]\.)"
_ESCAPED = r"(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4})|(?<=%[0-9a-fA-F]{2})"
_AFTER = r"(?![\w@-])(?!\.\w)"
_LONG_ENOUGH = 5
_MARGIN = 32


@dataclass(frozen=True)
class Subject:
    """A person's addresses, full names and phone numbers, as they were found."""

    emails: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()

    @property
    def words(self) -> list[str]:
        """All that names the person, the longest first; too short a word names nobody."""
        phones = {text for text in self.phones if sum(map(str.isdigit, text)) >= _LONG_ENOUGH}
        names = {name for name in self.names if len(name.split()) > 1}
        found = {*self.emails, *names, *phones}
        return sorted((word for word in found if len(word) >= _LONG_ENOUGH), key=len, reverse=True)


@dataclass(frozen=True)
class Redaction:
    """Finds a subject's words in text, in any case, and takes them out."""

    subject: Subject
    forms: tuple[str, ...] = field(init=False)
    _pieces: tuple[bytes, ...] = field(init=False, repr=False)
    _reach: int = field(init=False, repr=False)
    _pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Compile the words once."""
        found = forms_of(self.subject.words)
        joined = "|".join(re.escape(form) for form in found) or r"(?!)"
        text = f"(?:{_BEFORE}|{_ESCAPED})(?:{joined}){_AFTER}"
        object.__setattr__(self, "forms", found)
        reach = 2 * max((_size(form) for form in found), default=0) + _MARGIN
        object.__setattr__(self, "_reach", reach)
        object.__setattr__(self, "_pieces", tuple(sorted({_piece(form) for form in found})))
        object.__setattr__(self, "_pattern", re.compile(text, re.IGNORECASE))

    def applied(self, text: str) -> str:
        """The text without the words."""
        return self._pattern.sub(ERASED, text)

    def hits(self, text: str) -> bool:
        """Whether one of the words stands in the text."""
        return self._pattern.search(text) is not None

    def spans(self, block: bytes) -> dict[int, int]:
        """Where the words stand in bytes of whatever kind: start -> length.

        Looked for is first a piece of each word, which is quick, then the word around it.
        """
        lower = block.lower()
        found: dict[int, int] = {}
        for piece in self._pieces:
            place = lower.find(piece)
            while place >= 0:
                found |= self._around(block, place)
                place = lower.find(piece, place + 1)
        return found

    def _around(self, block: bytes, place: int) -> dict[int, int]:
        start = max(0, place - self._reach)
        # What is no UTF-8 comes through as it is, so that places can be counted in bytes.
        text = block[start : place + self._reach].decode("utf-8", "surrogateescape")
        return {
            start + _size(text[: word.start()]): _size(word.group())
            for word in self._pattern.finditer(text)
        }


def forms_of(words: Iterable[str]) -> tuple[str, ...]:
    """The words as plain text, JSON, HTML and URLs hold them, in lower case; the longest first.

    >>> [form for form in forms_of(["o'neil@x.de"]) if "%" in form or "#" in form]
    ['o&#x27;neil@x.de', 'o%27neil%40x.de', 'o&#39;neil@x.de']
    """
    found: set[str] = set()
    for word in words:
        in_html = html.escape(word)
        found |= {
            word,
            json.dumps(word)[1:-1],
            "".join(_strictly(letter) for letter in word),
            in_html,
            in_html.replace("&#x27;", "&#39;"),
            quote(word),
            quote(word, safe=""),
            # Within quotes of DuckDB's lists and structures, and of SQL.
            word.replace("'", "\\'"),
            word.replace("'", "''"),
        }
    return tuple(sorted({form.lower() for form in found}, key=lambda form: (-len(form), form)))


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def _piece(form: str) -> bytes:
    """The longest run of ASCII letters in a form, whose case bytes fold as well."""
    runs: list[str] = re.findall(r"[\x20-\x7e]*", form)
    return max(runs, key=len).encode()


def _strictly(letter: str) -> str:
    """A letter as the strictest writers of JSON put it (.NET escapes `+`, `'`, `&` and `<`)."""
    if letter.isascii() and (letter.isalnum() or letter in " @.-_:;,!?()/*=#$%~^"):
        return letter
    return "".join(f"\\u{unit:04x}" for unit in _utf16(letter))


def _utf16(letter: str) -> list[int]:
    raw = letter.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[place : place + 2], "big") for place in range(0, len(raw), 2)]
