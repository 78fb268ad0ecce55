"""Closed, half-open windows of time: [start, end).

Belongs here: where a pull's window begins and ends, and splitting it. Does not: what is asked
within one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

# Two clocks further apart are not skewed but tell different times (a simulated company's).
_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` up to but without `end`, both UTC."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is; never negative."""
        return max(self.end - self.start, timedelta())


def closed_end(now: datetime, lag: timedelta, server_now: datetime | None = None) -> datetime:
    """Where a window may end so that nothing still arrives inside it: `lag` ago.

    The vendor's clock (`HttpClient.server_now()`) counts where it is behind ours: its records bear
    its times.
    """
    if server_now is not None and abs(server_now - now) <= _SKEW:
        now = min(now, server_now)
    return now - lag


def pull_window(
    watermark: datetime | None,
    first: datetime,
    now: datetime,
    *,
    lag: timedelta,
    look_back: timedelta,
    server_now: datetime | None = None,
) -> Window:
    """The window of one incremental pull: from the watermark less the look-back, to the closed end.

    Without a watermark it begins at `first`. The next watermark is the window's end, which never
    lies before the last one.
    """
    end = closed_end(now, lag, server_now)
    if watermark is None:
        return Window(first, max(first, end))
    return Window(watermark - look_back, max(watermark, end))


def slices(window: Window, parts: int, shortest: timedelta = timedelta(minutes=1)) -> list[Window]:
    """The window in at most `parts` equal, adjoining slices, none shorter than `shortest`.

    >>> from datetime import UTC
    >>> day = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    >>> [part.start.hour for part in slices(day, 4)]
    [0, 6, 12, 18]
    """
    if not window.length:
        return []
    parts = max(1, min(parts, window.length // shortest))
    # Whole milliseconds: several vendors filter by nothing finer.
    step = timedelta(milliseconds=(window.length / parts) // timedelta(milliseconds=1))
    starts = [window.start + step * part for part in range(parts)]
    return [
        Window(start, end) for start, end in zip(starts, [*starts[1:], window.end], strict=True)
    ]


def spans(window: Window, longest: timedelta) -> list[Window]:
    """The window in adjoining pieces of at most `longest` (a vendor's cap on a filter's width)."""
    pieces: list[Window] = []
    start = window.start
    while start < window.end:
        end = min(start + longest, window.end)
        pieces.append(Window(start, end))
        start = end
    return pieces


def below_cap(
    window: Window,
    count: Callable[[Window], int],
    cap: int,
    shortest: timedelta = timedelta(milliseconds=1),
) -> Iterator[tuple[Window, int]]:
    """Pieces that hold at most `cap` records by `count`, with that count; empty ones are left out.

    A piece of `shortest` that is still above the cap (an import of many records within one
    instant) comes as it is: it must be paged by key.
    """
    waiting = [window]
    while waiting:
        piece = waiting.pop()
        found = count(piece)
        if found > cap and piece.length >= 2 * shortest:
            halves = slices(piece, max(2, -(-found // cap)), shortest)
            waiting.extend(reversed(halves))
        elif found:
            yield piece, found
