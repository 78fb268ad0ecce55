"""Token buckets, as vendors count calls.

Belongs here: counting on real monotonic time. Not here: what a refused call is answered with; that
is each vendor's own body.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class TokenBucket:
    """`capacity` calls at once, refilled evenly so that as many come back in `period_seconds`."""

    def __init__(
        self,
        capacity: float,
        period_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capacity = capacity
        self._per_second = capacity / period_seconds
        self._monotonic = monotonic
        self._tokens = capacity
        self._counted_at = monotonic()

    def take(self) -> float:
        """Take one token: 0 when there was one, else the seconds until there is."""
        now = self._monotonic()
        refill = (now - self._counted_at) * self._per_second
        self._tokens = min(self._capacity, self._tokens + refill)
        self._counted_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._per_second
