"""The simulated company's clock.

Belongs here: what time it is in the sandbox. Rate limits, token buckets and time-outs do not look
here: they run on real monotonic time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day

# The sandbox opens at noon of the day it is asked for: half a business day has happened.
OPENS_AT = time_of_day(12, 0)


class SandboxClock:
    """A clock that starts where it is told, runs at `speed` (0: frozen) and can be moved on.

    It never goes back. Safe across threads.
    """

    def __init__(
        self,
        start: datetime,
        speed: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if start.tzinfo is None:
            raise ValueError("the sandbox's clock needs an aware datetime")
        if speed < 0:
            raise ValueError("the sandbox's clock cannot run backwards")
        self._start = start.astimezone(UTC)
        self._speed = speed
        self._monotonic = monotonic
        self._began = monotonic()
        self._skipped = timedelta()
        self._lock = threading.Lock()

    @property
    def speed(self) -> float:
        """Simulated seconds per real second; 0 while frozen."""
        return self._speed

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        with self._lock:
            return self._now()

    def advance(self, by: timedelta) -> datetime:
        """Move on by a duration; returns the new instant. A negative one is a ValueError."""
        if by < timedelta():
            raise ValueError("the sandbox's clock cannot run backwards")
        with self._lock:
            self._skipped += by
            return self._now()

    def _now(self) -> datetime:
        ran = (self._monotonic() - self._began) * self._speed
        return self._start + self._skipped + timedelta(seconds=ran)


def opening(as_of: date) -> datetime:
    """The instant at which the sandbox opens on a day.

    >>> opening(date(2026, 6, 30)).isoformat()
    '2026-06-30T12:00:00+00:00'
    """
    return datetime.combine(as_of, OPENS_AT, tzinfo=UTC)
