"""Working hours as intervals of UTC, exact through daylight saving and holidays.

Belongs here: turning a team's wall-clock hours into UTC windows and counting minutes in them.
Does not: storing them (`parameters`), or what is measured with them.

An instant is working time if and only if the wall clock of the calendar's zone, at that instant,
stands inside the opening hours of a working day. A day on which clocks change is therefore longer
or shorter where its hours span the change, and a window whose edge falls into an hour that happens
twice is split in two.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ONE_DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """When a team works, on the wall clock of its zone.

    `days` are names of DAY_NAMES; `closes` at or before `opens` means the next day, "24:00" is
    midnight. `holidays` names a country (`US`) or a subdivision (`DE-BY`) of the package
    `holidays`; None works through. `absences` are first and last local days off.
    """

    time_zone: str
    days: tuple[str, ...]
    opens: str
    closes: str
    holidays: str | None = None
    absences: tuple[tuple[date, date], ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """An interval of working time, half-open, naive UTC."""

    starts_at: datetime
    ends_at: datetime

    @property
    def minutes(self) -> int:
        """Length in minutes."""
        return (self.ends_at - self.starts_at) // MINUTE


class BusinessClock:
    """Counts working minutes between instants, and finds deadlines, in pure Python."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self._windows = windows
        self._starts = [window.starts_at for window in windows]
        self._elapsed: list[timedelta] = []
        total = timedelta(0)
        for window in windows:
            self._elapsed.append(total)
            total += window.ends_at - window.starts_at

    def between(self, since: datetime, until: datetime) -> timedelta:
        """Working time from `since` to `until` (naive UTC)."""
        return self._at(until) - self._at(since)

    def after(self, since: datetime, minutes: int) -> datetime | None:
        """The instant at which that many working minutes have passed; None past the calendar."""
        due = self._at(since) + timedelta(minutes=minutes)
        place = bisect_right(self._elapsed, due) - 1
        while place > 0 and self._elapsed[place] == due:
            place -= 1  # a deadline falls at the end of a window, not at the start of the next
        window = self._windows[place] if place >= 0 else None
        if window is None or self._elapsed[place] + (window.ends_at - window.starts_at) < due:
            return None
        return window.starts_at + (due - self._elapsed[place])

    def _at(self, instant: datetime) -> timedelta:
        place = bisect_right(self._starts, instant) - 1
        if place < 0:
            return timedelta(0)
        window = self._windows[place]
        return self._elapsed[place] + min(instant, window.ends_at) - window.starts_at


def windows_of(hours: WorkingHours, first: date, last: date) -> list[Window]:
    """All windows of the local days `first` to `last`, in order, touching ones joined."""
    free = holidays_of(hours.holidays, range(first.year, last.year + 1))
    offsets = offsets_of(ZoneInfo(hours.time_zone), first, last)
    opens, closes = _span(hours)
    found: list[Window] = []
    for day in days_of(first, last):
        if DAY_NAMES[day.weekday()] not in hours.days or day in free or is_away(hours, day):
            continue
        midnight = datetime.combine(day, time.min)
        found.extend(_on_the_wall(midnight + opens, midnight + closes, offsets))
    return joined(found)


def is_away(hours: WorkingHours, day: date) -> bool:
    """Whether the day lies in one of the absences, both ends included."""
    return any(first <= day <= last for first, last in hours.absences)


def holidays_of(code: str | None, years: Iterable[int]) -> frozenset[date]:
    """Holidays of a country or subdivision; raises NotImplementedError for an unknown one."""
    if code is None:
        return frozenset()
    import holidays

    country, _, subdivision = code.partition("-")
    return frozenset(holidays.country_holidays(country, subdiv=subdivision or None, years=years))


@dataclass(frozen=True, slots=True)
class Offset:
    """From `starts_at` to `ends_at` (naive UTC) the wall clock shows UTC + `by`."""

    starts_at: datetime
    ends_at: datetime
    by: timedelta


def offsets_of(zone: ZoneInfo, first: date, last: date) -> list[Offset]:
    """The zone's offsets over the days, with two days of margin; changes exact to the minute.

    Days are probed at midnight UTC, so a zone that changed there and back within 24 hours would be
    missed; none did since 1970.
    """
    start = datetime.combine(first, time.min) - 2 * ONE_DAY
    end = datetime.combine(last, time.min) + 3 * ONE_DAY
    found: list[Offset] = []
    since, current = start, _offset(zone, start)
    probe = start
    while probe < end:
        following = probe + ONE_DAY
        offset = _offset(zone, following)
        if offset != current:
            change = _change(zone, probe, following)
            found.append(Offset(since, change, current))
            since, current = change, offset
        probe = following
    found.append(Offset(since, end, current))
    return found


def joined(windows: Iterable[Window]) -> list[Window]:
    """Windows in order, overlapping and touching ones made one."""
    merged: list[Window] = []
    for window in sorted(windows, key=lambda each: each.starts_at):
        if merged and window.starts_at <= merged[-1].ends_at:
            ends_at = max(window.ends_at, merged[-1].ends_at)
            merged[-1] = Window(merged[-1].starts_at, ends_at)
        else:
            merged.append(window)
    return merged


def _on_the_wall(opens: datetime, closes: datetime, offsets: list[Offset]) -> Iterator[Window]:
    """The UTC intervals during which the wall clock shows a time in [opens, closes)."""
    place = bisect_right(offsets, opens - ONE_DAY, key=lambda offset: offset.starts_at) - 1
    for offset in offsets[max(place, 0) :]:
        if offset.starts_at > closes + ONE_DAY:
            return
        starts_at = max(opens - offset.by, offset.starts_at)
        ends_at = min(closes - offset.by, offset.ends_at)
        if starts_at < ends_at:
            yield Window(starts_at, ends_at)


def _span(hours: WorkingHours) -> tuple[timedelta, timedelta]:
    opens, closes = _clock(hours.opens), _clock(hours.closes)
    return opens, closes if closes > opens else closes + ONE_DAY


def _clock(text: str) -> timedelta:
    hour, minute = text.split(":")
    return timedelta(hours=int(hour), minutes=int(minute))


def days_of(first: date, last: date) -> Iterator[date]:
    """Every day from `first` to `last`, both included."""
    day = first
    while day <= last:
        yield day
        day += ONE_DAY


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    offset = instant.replace(tzinfo=UTC).astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The minute at which the offset changes between two instants."""
    old = _offset(zone, before)
    low, high = 0, (after - before) // MINUTE
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, before + middle * MINUTE) == old:
            low = middle
        else:
            high = middle
    return before + high * MINUTE
