"""What of a series is held against a limit: which period, and which number of it.

Belongs here: levels, changes and z-scores of published rows, as they are and as they surely are.
Does not: verdicts (`series`), or words (`series_words`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Literal

from revops_pipelines.engine.alerts.declaration import Row
from revops_pipelines.engine.alerts.figures import figure, period_name

Side = Literal["above", "below"]
Check = Literal["level", "change", "zscore"]
# A MAD of normal numbers is that part of their standard deviation; so is a mean deviation.
_MAD = Decimal("1.4826")
_MEAN = Decimal("1.2533")


@dataclass(frozen=True, slots=True)
class Limit:
    """What a value is held against.

    `check` is the number looked at: the `level` itself, its `change` against `against`, or its
    `zscore` among `window` earlier values (its own season: the same month or quarter of earlier
    years where `season` is `year`). `at` is the limit, `recovers_at` where it counts as recovered.
    `is_relative` changes are shares of the earlier value. `is_bound` judges by the interval.
    """

    side: Side
    at: Decimal
    recovers_at: Decimal | None = None
    check: Check = "level"
    is_bound: bool = True
    is_relative: bool = True
    against: Literal["previous", "year_ago"] = "previous"
    season: Literal["trailing", "year"] = "trailing"
    window: int = 12
    min_history: int = 6
    is_running: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """The number that was judged, as it is and as it surely is at least (or at most)."""

    value: Decimal
    surely: Decimal
    beside: str = ""


def judged_places(series: Sequence[Row], limit: Limit) -> list[int]:
    """Where the periods are that may be judged, oldest first: those closed and grown up."""
    if limit.is_running:
        return [
            place for place, row in enumerate(series) if row["period_start_on"] <= row["as_of_on"]
        ]
    return [place for place, row in enumerate(series) if row["is_mature"]]


def is_beyond(value: Decimal, at: Decimal, side: Side) -> bool:
    """Whether a number lies on the wrong side of the limit."""
    return value > at if side == "above" else value < at


def number(series: Sequence[Row], place: int, limit: Limit) -> Judged | None:
    """The number of that period that is held against the limit; None where there is none."""
    row = series[place]
    if row["value"] is None:
        return None
    value, surely = Decimal(row["value"]), _surely(row, limit)
    if limit.check == "level":
        return Judged(value, surely)
    if limit.check == "change":
        return _change(series, place, limit, value, surely)
    return _zscore(series, place, limit, value, surely)


def _surely(row: Row, limit: Limit) -> Decimal:
    bound = row["lower"] if limit.side == "above" else row["upper"]
    return Decimal(row["value"] if bound is None or not limit.is_bound else bound)


def _change(
    series: Sequence[Row], place: int, limit: Limit, value: Decimal, surely: Decimal
) -> Judged | None:
    base = _base(series, place, limit)
    if base is None or base["value"] is None:
        return None
    before = Decimal(base["value"])
    opposite = base["upper"] if limit.side == "above" else base["lower"]
    firm = before if opposite is None or not limit.is_bound else Decimal(opposite)
    moved, surely_moved = value - before, surely - firm
    if limit.is_relative:
        if not before:
            return None
        moved, surely_moved = moved / abs(before), surely_moved / abs(before)
    earlier = figure(before, series[place]["unit"], series[place]["base_currency"])
    period = period_name(base["grain"], base["period_start_on"])
    return Judged(moved, surely_moved, f"after {earlier} in {period}")


def _base(series: Sequence[Row], place: int, limit: Limit) -> Row | None:
    start: date = series[place]["period_start_on"]
    if limit.against == "previous":
        found = [row for row in series[:place] if row["period_end_on"] == start]
    else:
        found = [row for row in series[:place] if _is_year_ago(row["period_start_on"], start)]
    return found[-1] if found else None


def _is_year_ago(earlier: date, start: date) -> bool:
    """The same month or quarter of the year before; of weeks the one 52 weeks ago."""
    return (earlier.year, earlier.month, earlier.day) == (
        start.year - 1,
        start.month,
        start.day,
    ) or (start - earlier).days == 364


def _zscore(
    series: Sequence[Row], place: int, limit: Limit, value: Decimal, surely: Decimal
) -> Judged | None:
    """How many robust standard deviations the value lies from the middle of earlier ones."""
    row = series[place]
    earlier = [each for each in series[:place] if each["value"] is not None]
    if limit.season == "year":
        start = row["period_start_on"]
        earlier = [each for each in earlier if _is_same_season(each["period_start_on"], start)]
    values = [Decimal(each["value"]) for each in earlier[-limit.window :]]
    if len(values) < limit.min_history:
        return None
    middle = median(values)
    spread = _spread(values, middle)
    if not spread:
        # Numbers that have never moved say nothing about how far they may.
        return None
    usual = figure(middle, row["unit"], row["base_currency"])
    return Judged(
        (value - middle) / spread,
        (surely - middle) / spread,
        f"usually {usual}, the median of {len(values)} periods",
    )


def _is_same_season(earlier: date, start: date) -> bool:
    if earlier.day == start.day == 1:
        return earlier.month == start.month
    return earlier.isocalendar().week == start.isocalendar().week


def _spread(values: Sequence[Decimal], middle: Decimal) -> Decimal:
    apart = [abs(value - middle) for value in values]
    return median(apart) * _MAD or sum(apart, Decimal(0)) / len(apart) * _MEAN
