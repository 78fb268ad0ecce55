"""Saving a page from a bad record in it.

Belongs here: the slow, exact scan of JSON text that finds where records begin and end, without
recursion. Does not: the fast way (`envelope.py`); this runs for pages that failed there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import msgspec

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\]]', re.DOTALL)
_PAIRS = {b"}": b"{", b"]": b"["}
# Beyond these the page is an attack, not a page with a bad record.
_MOST_OPEN = 1_000_000
_MOST_BYTES = 8 * 1024 * 1024
_any = msgspec.json.Decoder(msgspec.Raw)


@dataclass(frozen=True, slots=True)
class Saved:
    """A page's text without its bad records, and these with the rule that each one breaks."""

    body: bytes
    rejected: tuple[tuple[bytes, str], ...]


@dataclass(slots=True)
class _Scan:
    """Brackets that are open, and the records found: (start, end, nesting)."""

    opened: list[bytes] = field(default_factory=list)
    records: list[tuple[int, int, int]] = field(default_factory=list)
    start: int = -1
    base: int = 0
    deepest: int = 0

    def open(self, bracket: bytes, at: int) -> None:
        if self.start < 0 and bracket == b"{" and self.opened in ([b"["], [b"{", b"["]):
            self.start, self.base, self.deepest = at, len(self.opened), len(self.opened)
        self.opened.append(bracket)
        self.deepest = max(self.deepest, len(self.opened))

    def close(self, bracket: bytes, end: int) -> bool:
        if not self.opened or self.opened.pop() != _PAIRS[bracket]:
            return False
        if self.start >= 0 and len(self.opened) == self.base:
            self.records.append((self.start, end, self.deepest))
            self.start = -1
        return True


def without_bad_records(body: bytes, depth: int) -> Saved | None:
    """The page without records that cannot be landed; None when its brackets do not match.

    >>> saved = without_bad_records(b'{"data": [{"a": 1}, {"a": NaN}]}', 100)
    >>> saved.body, saved.rejected
    (b'{"data": [{"a": 1}]}', ((b'{"a": NaN}', 'no proper JSON'),))
    """
    scan = _scanned(body) if len(body) <= _MOST_BYTES else None
    if scan is None:
        return None
    kept: list[bytes] = []
    rejected: list[tuple[bytes, str]] = []
    copied = 0
    for start, end, nesting in scan.records:
        record = body[start:end]
        rule = "nested too deep" if nesting > depth else _fault(record)
        if rule:
            rejected.append((record, rule))
            kept.append(body[copied:start])
            copied = end
    kept.append(body[copied:])
    return Saved(_mended(kept), tuple(rejected))


def is_deeper(body: bytes, depth: int) -> bool:
    """Whether the JSON text is nested deeper, brackets inside of texts not counted."""
    opened = 0
    for found in _TOKEN.finditer(body):
        token = found.group()
        if token in (b"{", b"["):
            opened += 1
            if opened > depth:
                return True
        elif token in _PAIRS:
            opened -= 1
    return False


def _scanned(body: bytes) -> _Scan | None:
    scan = _Scan()
    for found in _TOKEN.finditer(body):
        token = found.group()
        if token in (b"{", b"["):
            scan.open(token, found.start())
            if len(scan.opened) > _MOST_OPEN:
                return None
        elif token in _PAIRS and not scan.close(token, found.end()):
            return None
    return None if scan.opened else scan


def _fault(record: bytes) -> str:
    try:
        _any.decode(record)
    except (msgspec.DecodeError, RecursionError):
        return "no proper JSON"
    return ""


def _mended(pieces: list[bytes]) -> bytes:
    """The pieces between cut records, with one comma left between two that stay."""
    text = pieces[0]
    for piece in pieces[1:]:
        left, right = text.rstrip(), piece.lstrip()
        if right.startswith(b",") and left.endswith((b"[", b",")):
            right = right[1:]
        elif left.endswith(b",") and right.startswith(b"]"):
            left = left[:-1]
        text = left + right
    return text
