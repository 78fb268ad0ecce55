"""When and after how long a request is tried again.

Belongs here: back-off with full jitter, Retry-After, the budget that stops a retry storm. Does not:
which answers are worth another try (`http.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Retries:
    """Tries in all, first and longest pause of the back-off, cap on Retry-After (all seconds).

    `throttled_tries` are those after a 429: many threads share a limit, and a request may lose the
    race for the next free place several times. The budget allows `budget` retries at once and
    earns `budget_share` for each first try: when a vendor is down, hundreds of requests do not
    each use up all their tries.
    """

    tries: int = 6
    throttled_tries: int = 12
    first_seconds: float = 0.5
    longest_seconds: float = 60.0
    retry_after_cap_seconds: float = 3600.0
    budget: float = 50.0
    budget_share: float = 0.2

    def pause(self, tried: int, asked: float | None, random: Callable[[], float]) -> float:
        """Seconds before the next try after `tried` tries; `random` gives 0 <= x < 1.

        Without a wish of the server: full jitter over the doubled pause. With one: that long and up
        to a tenth (at most a second) more, so that not all threads come back in the same instant.
        """
        if asked is None:
            return random() * min(self.longest_seconds, self.first_seconds * 2.0**tried)
        capped = min(asked, self.retry_after_cap_seconds)
        return capped + random() * min(1.0, capped / 10)


def retry_after(value: str | None, now: datetime | None) -> float | None:
    """Seconds that a Retry-After header asks for; None without one or when it is junk.

    `value` is seconds or an HTTP date, which is read against `now` (the server's own Date header
    where there is one; a date without any clock to read it by is junk). A past date is 0.
    """
    if value is None:
        return None
    text = value.strip()
    if text.replace(".", "", 1).isdigit() and text.isascii():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return None if now is None else max(0.0, (at - now).total_seconds())


class RetryBudget:
    """Counts first tries and retries of one client; safe across threads."""

    def __init__(self, retries: Retries) -> None:
        self._most = retries.budget
        self._share = retries.budget_share
        self._left = retries.budget
        self._lock = threading.Lock()

    def earn(self) -> None:
        """A first try was made."""
        with self._lock:
            self._left = min(self._most, self._left + self._share)

    def spend(self) -> bool:
        """Take one retry; False when none is left."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True
