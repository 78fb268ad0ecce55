"""Keeps secrets out of texts: by value, wherever they turn up.

Belongs here: replacing known secret values in any text and in the HTTP library's own log lines.
Does not: knowing which values are secret; their owners add them.
"""

from __future__ import annotations

import base64
import logging
import threading
import weakref
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "***"
# Shorter values would blot out ordinary words; no vendor's key is that short.
SHORTEST = 6


class Redactor:
    """Replaces secret values (also URL-quoted or base64) by `***`; safe across threads.

    It also works on what the HTTP library logs, and on `loggers`, named.
    """

    def __init__(self, secrets: Iterable[str] = (), loggers: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._values: tuple[str, ...] = ()
        self.add(*secrets)
        _LOG_FILTER.redactors.add(self)
        for name in ("urllib3.connectionpool", "requests", *loggers):
            # Adding the same filter again is a no-op in logging.
            logging.getLogger(name).addFilter(_LOG_FILTER)

    def add(self, *secrets: str) -> None:
        """Know more secret values: a renewed token, for instance."""
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        if forms.issubset(self._values):
            return
        with self._lock:
            known = forms.union(self._values)
            # Longest first, so that a value inside another one leaves no remainder.
            self._values = tuple(sorted(known, key=lambda value: (-len(value), value)))

    def text(self, text: str) -> str:
        """The text without any known secret."""
        for value in self._values:
            text = text.replace(value, HIDDEN)
        return text

    def scrub(self, error: BaseException | None) -> None:
        """Rewrite the texts of an error and of all that it is chained to."""
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            error.args = tuple(self.text(a) if isinstance(a, str) else a for a in error.args)
            error = error.__cause__ or error.__context__

    def __repr__(self) -> str:
        return f"Redactor({len(self._values)} values)"


def _forms(secret: str) -> set[str]:
    encoded = base64.b64encode(secret.encode()).decode()
    return {secret, quote(secret, safe=""), quote_plus(secret), encoded, repr(secret)[1:-1]}


class _LogFilter(logging.Filter):
    """Rewrites a log record's text when it holds a secret of any living redactor."""

    def __init__(self) -> None:
        super().__init__()
        self.redactors: weakref.WeakSet[Redactor] = weakref.WeakSet()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = message
        for redactor in list(self.redactors):
            clean = redactor.text(clean)
        if clean is not message:
            record.msg, record.args = clean, ()
        return True


_LOG_FILTER = _LogFilter()
