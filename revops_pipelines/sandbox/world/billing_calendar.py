"""When billing periods begin and end, in epoch seconds of UTC, as Stripe anchors them.

Belongs here: intervals, boundaries from an anchor, and days of instants. Does not: what is billed.

Boundaries are counted from the anchor, not from each other: a subscription anchored on 31 January
renews on 28 February and then on 31 March again.
Source: https://docs.stripe.com/billing/subscriptions/billing-cycle
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

HOUR = 3_600
DAY = 86_400
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_MONTHS = {"month": 1, "year": 12}
_DAYS = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True)
class Interval:
    """How often a price is billed: `unit` day, week, month or year, every `count` of them."""

    unit: str
    count: int


WEEKLY = Interval("week", 1)
MONTHLY = Interval("month", 1)
QUARTERLY = Interval("month", 3)
YEARLY = Interval("year", 1)


@dataclass(frozen=True, slots=True)
class Cycle:
    """One billing period, `[start, end)`. A trial is a period of its own."""

    start: int
    end: int
    is_trial: bool = False


def epoch(moment: datetime) -> int:
    """Whole epoch seconds of an aware datetime."""
    return int(moment.timestamp())


def moment_of(at: int) -> datetime:
    """The aware UTC datetime of epoch seconds."""
    return datetime.fromtimestamp(at, UTC)


def day_of(at: int) -> date:
    """The UTC date of an instant."""
    return date.fromordinal(at // DAY + _EPOCH_ORDINAL)


def day_start(day: date) -> int:
    """The first instant of a UTC date."""
    return (day.toordinal() - _EPOCH_ORDINAL) * DAY


def boundary(anchor: int, interval: Interval, number: int) -> int:
    """The start of period `number` (0 is the anchor itself).

    >>> day_of(boundary(day_start(date(2024, 1, 31)), MONTHLY, 1)).isoformat()
    '2024-02-29'
    >>> day_of(boundary(day_start(date(2024, 1, 31)), MONTHLY, 2)).isoformat()
    '2024-03-31'
    """
    steps = number * interval.count
    if interval.unit in _DAYS:
        return anchor + steps * _DAYS[interval.unit] * DAY
    start = day_of(anchor)
    months = start.year * 12 + start.month - 1 + steps * _MONTHS[interval.unit]
    year, month = divmod(months, 12)
    last = monthrange(year, month + 1)[1]
    return day_start(date(year, month + 1, min(start.day, last))) + anchor % DAY


def cycles_from(anchor: int, interval: Interval, until: int) -> Iterator[Cycle]:
    """Every period from the anchor whose start lies before `until`."""
    number, start = 0, anchor
    while start < until:
        number += 1
        end = boundary(anchor, interval, number)
        yield Cycle(start, end)
        start = end


def month_starts(first: date, before: date) -> Iterator[date]:
    """First days of the months from that of `first` to the last that starts before `before`."""
    month = first.replace(day=1)
    while month < before:
        yield month
        month = next_month(month)


def next_month(day: date) -> date:
    """The first day of the month after the month of `day`."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
