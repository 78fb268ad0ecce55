"""Billing periods: anchors at month ends, leap days, and that periods tile."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revops_pipelines.sandbox.world.billing_calendar import (
    DAY,
    MONTHLY,
    QUARTERLY,
    WEEKLY,
    YEARLY,
    Interval,
    boundary,
    cycles_from,
    day_of,
    day_start,
    epoch,
    moment_of,
    month_starts,
    next_month,
)
from revops_pipelines.sandbox.world.billing_money import half_up, percent_of, prorated, spread

MOMENTS = st.datetimes(datetime(2019, 1, 1), datetime(2032, 12, 31)).map(
    lambda moment: epoch(moment.replace(microsecond=0, tzinfo=UTC))
)
INTERVALS = st.sampled_from((WEEKLY, MONTHLY, QUARTERLY, YEARLY, Interval("day", 1)))


def _days(anchor: str, interval: Interval, count: int) -> list[str]:
    start = day_start(date.fromisoformat(anchor)) + 3_600
    return [day_of(boundary(start, interval, number)).isoformat() for number in range(count)]


def test_an_anchor_on_the_31st_falls_short_and_comes_back() -> None:
    assert _days("2026-01-31", MONTHLY, 6) == [
        "2026-01-31",
        "2026-02-28",
        "2026-03-31",
        "2026-04-30",
        "2026-05-31",
        "2026-06-30",
    ]
    assert _days("2025-11-30", QUARTERLY, 3) == ["2025-11-30", "2026-02-28", "2026-05-30"]


def test_d13_an_anchor_on_the_leap_day() -> None:
    assert _days("2024-02-29", YEARLY, 5) == [
        "2024-02-29",
        "2025-02-28",
        "2026-02-28",
        "2027-02-28",
        "2028-02-29",
    ]
    assert _days("2024-02-29", MONTHLY, 3) == ["2024-02-29", "2024-03-29", "2024-04-29"]


@given(MOMENTS, INTERVALS)
def test_periods_tile_without_gap_or_overlap(anchor: int, interval: Interval) -> None:
    found = list(islice(cycles_from(anchor, interval, anchor + 4_000 * DAY), 40))
    assert found[0].start == anchor
    assert all(before.end == after.start for before, after in pairwise(found))
    assert all(cycle.start < cycle.end for cycle in found)
    assert {cycle.start % DAY for cycle in found} == {anchor % DAY}


@given(MOMENTS, INTERVALS)
def test_a_boundary_never_leaves_its_month(anchor: int, interval: Interval) -> None:
    if interval.unit in ("month", "year"):
        months = interval.count * (12 if interval.unit == "year" else 1)
        for number in range(1, 14):
            found, start = moment_of(boundary(anchor, interval, number)), moment_of(anchor)
            passed = (found.year - start.year) * 12 + found.month - start.month
            assert passed == number * months
            assert found.day <= start.day


@given(MOMENTS)
def test_days_and_moments_agree_with_datetime(at: int) -> None:
    moment = datetime.fromtimestamp(at, UTC)
    assert (moment_of(at), day_of(at)) == (moment, moment.date())
    assert day_start(day_of(at)) <= at < day_start(day_of(at)) + DAY


def test_months_between() -> None:
    months = list(month_starts(date(2025, 11, 17), date(2026, 2, 1)))
    assert months == [date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1)]
    assert next_month(date(2025, 12, 31)) == date(2026, 1, 1)


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**7))
def test_rounding_is_half_away_from_zero(numerator: int, denominator: int) -> None:
    exact = (Decimal(numerator) / Decimal(denominator)).quantize(Decimal(1), ROUND_HALF_UP)
    if numerator * 2 % denominator == 0:
        assert half_up(numerator, denominator) == int(exact)
    assert abs(half_up(numerator, denominator) * denominator - numerator) * 2 <= denominator


@given(st.integers(0, 10**7), st.lists(st.integers(0, 10**6), max_size=8))
def test_shares_of_a_discount_add_up(total: int, amounts: list[int]) -> None:
    shares = spread(total, amounts)
    assert sum(shares) == min(total, sum(amounts))
    assert all(share >= 0 for share in shares)
    assert [share for share, amount in zip(shares, amounts, strict=True) if not amount] == [
        0 for amount in amounts if not amount
    ]


@pytest.mark.parametrize(
    ("amount", "points", "off"), [(999, 1_500, 150), (10, 500, 1), (9, 500, 0), (-999, 1_500, -150)]
)
def test_percentages_round_half_up(amount: int, points: int, off: int) -> None:
    assert percent_of(amount, points) == off


@given(st.integers(1, 10**6), st.integers(0, 31 * DAY))
def test_what_is_left_and_what_is_used_make_a_period(amount: int, at: int) -> None:
    end = 31 * DAY
    left, used = prorated(amount, 0, end, at), prorated(amount, 0, end, end - at)
    assert 0 <= left <= amount
    assert abs(left + used - amount) <= 1
