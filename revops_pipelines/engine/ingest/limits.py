"""Token buckets: how often a source may be asked, per account and per endpoint.

Belongs here: waiting for a turn before a request, pausing after a 429, the day's stop. Does not:
what the limits are (each source's options) or what a 429 looks like (`http.py`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from revops_pipelines.engine.ingest import stopping
from revops_pipelines.engine.ingest.errors import QuotaExhaustedError


@dataclass(frozen=True, slots=True)
class Limit:
    """`requests` per `seconds`, evenly refilled; up to `burst` may be saved (default a fifth)."""

    requests: float
    seconds: float = 1.0
    burst: float | None = None


class _Bucket:
    """One token bucket; `take` reserves a turn and says how long to wait for it."""

    def __init__(self, limit: Limit, now: float) -> None:
        self.rate = limit.requests / limit.seconds
        self.burst = max(1.0, limit.requests / 5 if limit.burst is None else limit.burst)
        self.tokens = self.burst
        self.at = now

    def take(self, now: float) -> float:
        self.tokens = min(self.burst, self.tokens + max(0.0, now - self.at) * self.rate)
        self.at = max(self.at, now)
        self.tokens -= 1
        # Never negative waits; a debt in tokens is this caller's place in the queue.
        return max(0.0, -self.tokens / self.rate)


class Limiter:
    """Orders a source's requests; one per account, shared by all threads.

    `account` holds for every request, `endpoints` in addition for those of that name, `concurrent`
    bounds requests in flight, `daily` is the number of requests this process may make at all.
    """

    def __init__(
        self,
        account: Limit | None = None,
        endpoints: Mapping[str, Limit] | None = None,
        *,
        concurrent: int | None = None,
        daily: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = stopping.sleep,
    ) -> None:
        now = monotonic()
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._account = _Bucket(account, now) if account else None
        self._endpoints = {name: _Bucket(each, now) for name, each in (endpoints or {}).items()}
        self._in_flight = threading.BoundedSemaphore(concurrent) if concurrent else None
        self._left = daily
        self._paused_until: dict[str | None, float] = {}
        self._stopped: str | None = None

    @contextmanager
    def turn(self, endpoint: str = "default") -> Iterator[None]:
        """Wait for a turn and hold a place in flight while inside. Raises QuotaExhaustedError."""
        if self._in_flight is None:
            self._wait(endpoint)
            yield
            return
        with self._in_flight:
            self._wait(endpoint)
            yield

    def pause(self, seconds: float, endpoint: str | None = None) -> None:
        """After a 429: nobody asks for so long (at this endpoint, or at all)."""
        with self._lock:
            until = self._monotonic() + seconds
            self._paused_until[endpoint] = max(until, self._paused_until.get(endpoint, 0.0))

    def stop(self, reason: str) -> None:
        """The day's quota is gone: every later turn raises QuotaExhaustedError at once."""
        self._stopped = reason

    def _wait(self, endpoint: str) -> None:
        with self._lock:
            seconds = self._reserve(endpoint)
        while seconds > 0:
            self._sleep(seconds)
            with self._lock:
                seconds = self._pause_left(endpoint, self._monotonic())
            self._check()

    def _reserve(self, endpoint: str) -> float:
        self._check()
        if self._left is not None:
            if self._left <= 0:
                raise QuotaExhaustedError("the number of requests allowed for this run is used up")
            self._left -= 1
        now = self._monotonic()
        waits = [self._pause_left(endpoint, now)]
        if self._account:
            waits.append(self._account.take(now))
        if endpoint in self._endpoints:
            waits.append(self._endpoints[endpoint].take(now))
        return max(waits)

    def _pause_left(self, endpoint: str, now: float) -> float:
        everywhere = self._paused_until.get(None, 0.0)
        here = self._paused_until.get(endpoint, 0.0)
        return max(everywhere, here) - now if self._paused_until else 0.0

    def _check(self) -> None:
        if self._stopped is not None:
            raise QuotaExhaustedError(self._stopped)
