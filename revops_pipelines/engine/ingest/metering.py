"""Counting a source's calls in one run, what the vendor says is left, and the budget for both.

Belongs here: the meter, and how a client finds the one of the pull that connects it. Does not:
pacing (`limits.py`), or how a vendor tells its allowance (each source's `client.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from revops_pipelines.engine.ingest.errors import QuotaExhaustedError


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an answer tells of the account's calls: how many are `left`, of how many if it says."""

    left: int
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls that a source used in one run, retries included, and what the vendor says is left."""

    used: int
    left: int | None = None
    limit: int | None = None


class Meter:
    """Counts the calls of one source in one run; safe across threads.

    `most` is how many it may make; `spare` how many of the vendor's allowance are left alone, for
    whatever else uses the account. None and 0: no budget of our own.
    """

    def __init__(self, most: int | None = None, spare: int = 0) -> None:
        self._most, self._spare = most, spare
        self._lock = threading.Lock()
        self._calls = Calls(0)

    def spend(self) -> None:
        """Count a call that is about to be made. Raises QuotaExhaustedError instead."""
        with self._lock:
            calls = self._calls
            if self._most is not None and calls.used >= self._most:
                raise QuotaExhaustedError(
                    f"stopped after {calls.used:,} calls, as max_calls allows; the next run goes on"
                )
            if self._spare and calls.left is not None and calls.left <= self._spare:
                raise QuotaExhaustedError(
                    f"stopped with {calls.left:,} calls left today, as spare_calls asks; "
                    f"a later run goes on"
                )
            self._calls = Calls(calls.used + 1, calls.left, calls.limit)

    def told(self, allowance: Allowance) -> None:
        """Remember what the vendor said last."""
        with self._lock:
            self._calls = Calls(self._calls.used, allowance.left, allowance.limit)

    def reading(self) -> Calls:
        """What was counted up to now."""
        with self._lock:
            return self._calls


_current = threading.local()


@contextmanager
def metered(meter: Meter) -> Iterator[None]:
    """Let clients that this thread makes meanwhile count on the meter."""
    before = getattr(_current, "meter", None)
    _current.meter = meter
    try:
        yield
    finally:
        _current.meter = before


def current_meter() -> Meter:
    """The meter of the pull that this thread connects; outside of one a meter of its own."""
    meter: Meter | None = getattr(_current, "meter", None)
    return meter or Meter()
