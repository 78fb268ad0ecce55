"""Back-off, Retry-After, and the budget against retry storms."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from revops_pipelines.engine.ingest.retries import Retries, RetryBudget, retry_after

NOW = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)


def test_the_pause_doubles_up_to_the_longest_and_is_fully_jittered() -> None:
    retries = Retries(first_seconds=0.5, longest_seconds=60)
    most = [retries.pause(tried, None, lambda: 1.0) for tried in range(9)]
    assert most == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert retries.pause(5, None, lambda: 0.0) == 0
    assert retries.pause(5, None, lambda: 0.5) == 8


@pytest.mark.parametrize(
    ("asked", "least", "most"), [(0, 0, 0), (3, 3, 3.3), (30, 30, 31), (10**6, 3600, 3601)]
)
def test_what_the_server_asks_for_is_never_cut_short(
    asked: float, least: float, most: float
) -> None:
    assert Retries().pause(0, asked, lambda: 0.0) == least
    assert Retries().pause(0, asked, lambda: 1.0) == pytest.approx(most)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("12", 12),
        ("1.5", 1.5),
        (" 7 ", 7),
        ("Mon, 02 Mar 2026 02:31:00 GMT", 60),
        ("Mon, 02 Mar 2026 03:31:00 +0100", 60),
        ("Sun, 01 Mar 2026 02:31:00 GMT", 0),
        ("-3", None),
        ("tomorrow", None),
        ("", None),
        ("٣", None),
        ("1e9", None),
        ("nan", None),
        ("Mon, 99 Mar 2026 02:31:00 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_a_date_without_a_clock_to_read_it_by_is_junk() -> None:
    assert retry_after("Mon, 02 Mar 2026 02:31:00 GMT", None) is None


def test_the_budget_is_earned_by_first_tries() -> None:
    budget = RetryBudget(Retries(budget=2, budget_share=0.5))
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    budget.earn()
    assert not budget.spend()
    budget.earn()
    assert budget.spend()
    for _ in range(100):
        budget.earn()
    assert [budget.spend() for _ in range(3)] == [True, True, False]
