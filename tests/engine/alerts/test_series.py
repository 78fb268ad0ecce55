"""Published values against a limit: which period, which number, which verdict."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from revops_pipelines.engine.alerts.declaration import Finding, Verdict
from revops_pipelines.engine.alerts.series import SeriesOptions, judge_series
from revops_pipelines.engine.alerts.series_numbers import Limit
from revops_pipelines.engine.alerts.series_words import Wording

WORDS = {"win_rate": Wording("Win rate", "sales-operations")}


def month(number: int, value: str | None, **said: Any) -> dict[str, Any]:
    """A mature month (1 is January 2025) on 30 June 2026."""
    year, place = divmod(number - 1, 12)
    start = date(2025 + year, place + 1, 1)
    end = date(2025 + year + (place == 11), (place + 1) % 12 + 1, 1)
    return {
        "metric": "win_rate",
        "grain": "month",
        "period_start_on": start,
        "period_end_on": end,
        "breakdown": "{}",
        "value": None if value is None else Decimal(value),
        "n": 100,
        "lower": None,
        "upper": None,
        "unit": "share",
        "is_mature": True,
        "as_of_on": date(2026, 6, 30),
        "base_currency": "USD",
        "is_stale": False,
        "owner_name": None,
        "owner_email": None,
        "owner_team": None,
        "owner_is_active": None,
        **{name: Decimal(each) if name in BOUNDS else each for name, each in said.items()},
    }


BOUNDS = ("lower", "upper")


def judged(rows: list[dict[str, Any]], limit: Limit, **options: Any) -> Finding:
    [finding] = judge_series(rows, SeriesOptions(**options), WORDS, lambda own, metric: limit)
    return finding


BELOW = Limit("below", Decimal("0.2"), Decimal("0.25"))


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (month(17, "0.1"), Verdict.BREACH),
        (month(17, "0.1", upper="0.19", lower="0.05"), Verdict.BREACH),
        (month(17, "0.1", upper="0.21", lower="0.05"), Verdict.HOLD),
        (month(17, "0.1", n=19), Verdict.HOLD),
        (month(17, "0.2"), Verdict.HOLD),
        (month(17, "0.24"), Verdict.HOLD),
        (month(17, "0.25"), Verdict.CLEAR),
        (month(17, "0.1", is_stale=True), Verdict.HOLD),
        (month(17, "0.1", is_mature=False), Verdict.HOLD),
        (month(17, None), Verdict.HOLD),
    ],
)
def test_a_level_is_judged_by_its_surer_bound(row: dict[str, Any], verdict: Verdict) -> None:
    assert judged([row], BELOW).verdict is verdict


def test_by_the_value_where_that_is_asked_for() -> None:
    row = month(17, "0.1", upper="0.21", lower="0.05")
    limit = Limit("below", Decimal("0.2"), is_bound=False)
    assert judged([row], limit).verdict is Verdict.BREACH


def test_only_the_latest_mature_period_counts() -> None:
    rows = [month(16, "0.1"), month(17, "0.5"), month(18, "0.01", is_mature=False)]
    assert judged(rows, BELOW).verdict is Verdict.CLEAR
    running = Limit("below", Decimal("0.2"), is_running=True)
    assert judged(rows, running).verdict is Verdict.BREACH


def test_several_periods_in_a_row() -> None:
    twice = [month(15, "0.5"), month(16, "0.1"), month(17, "0.1")]
    finding = judged(twice, BELOW, periods=2)
    assert finding.verdict is Verdict.BREACH
    assert finding.notice is not None
    assert f"{finding.notice.since:%Y-%m-%d}" == "2026-05-01"
    assert judged(twice, BELOW, periods=3).verdict is Verdict.HOLD


@pytest.mark.parametrize(
    ("values", "limit", "verdict"),
    [
        (("0.5", "0.4"), Limit("below", Decimal("-0.15"), check="change"), Verdict.BREACH),
        (("0.5", "0.45"), Limit("below", Decimal("-0.15"), check="change"), Verdict.CLEAR),
        (
            ("0.5", "0.4"),
            Limit("below", Decimal("-0.15"), check="change", is_relative=False),
            Verdict.CLEAR,
        ),
        (("0.5", "0.7"), Limit("above", Decimal("0.3"), check="change"), Verdict.BREACH),
        (("0", "0.7"), Limit("above", Decimal("0.3"), check="change"), Verdict.HOLD),
        ((None, "0.7"), Limit("above", Decimal("0.3"), check="change"), Verdict.HOLD),
    ],
)
def test_changes(values: tuple[str | None, str], limit: Limit, verdict: Verdict) -> None:
    rows = [month(16, values[0]), month(17, values[1])]
    assert judged(rows, limit).verdict is verdict


def test_a_change_is_sure_only_where_the_intervals_lie_apart() -> None:
    before = month(16, "0.5", lower="0.42", upper="0.58")
    limit = Limit("below", Decimal(0), check="change")
    apart = month(17, "0.3", lower="0.23", upper="0.38")
    near = month(17, "0.4", lower="0.32", upper="0.49")
    assert judged([before, apart], limit).verdict is Verdict.BREACH
    assert judged([before, near], limit).verdict is Verdict.HOLD


def test_a_gap_is_no_period_before_and_a_year_ago_is() -> None:
    rows = [month(5, "0.5"), month(15, "0.2"), month(17, "0.4")]
    assert judged(rows, Limit("below", Decimal("-0.1"), check="change")).verdict is Verdict.HOLD
    yearly = Limit("below", Decimal("-0.1"), check="change", against="year_ago")
    finding = judged(rows, yearly)
    assert finding.verdict is Verdict.BREACH
    assert finding.notice is not None
    assert finding.notice.headline == "Win rate in May 2026: 40.0 % (-20.0 %)"
    assert finding.notice.observed == "40.0 % (100 cases; after 50.0 % in May 2025)"
    assert finding.notice.limit == "a change of at least -10.0 % against a year ago"


STEADY = [month(number, value) for number, value in enumerate(("0.30", "0.32", "0.31") * 5, 1)]


def test_a_z_score_takes_the_median_of_the_periods_before() -> None:
    limit = Limit("below", Decimal(-3), check="zscore")
    finding = judged([*STEADY, month(16, "0.2")], limit)
    assert finding.verdict is Verdict.BREACH
    assert finding.notice is not None
    assert "usually 31.0 %, the median of 12 periods" in finding.notice.observed
    # One month that was odd itself does not widen what is usual.
    odd = [*STEADY[:-1], month(15, "0.9"), month(16, "0.2")]
    assert judged(odd, limit).verdict is Verdict.BREACH
    assert judged([*STEADY, month(16, "0.29")], limit).verdict is Verdict.CLEAR


def test_a_z_score_needs_a_history_that_moved() -> None:
    limit = Limit("below", Decimal(-3), check="zscore")
    assert judged([*STEADY[:5], month(6, "0.1")], limit).verdict is Verdict.HOLD
    flat = [month(number, "0.3") for number in range(1, 13)]
    assert judged([*flat, month(13, "0.1")], limit).verdict is Verdict.HOLD


def test_a_season_is_the_same_month_of_earlier_years() -> None:
    winters = [month(1, "0.2"), month(7, "0.9"), month(13, "0.21")]
    limit = Limit("above", Decimal(3), check="zscore", season="year", min_history=2)
    assert judged([*winters, month(25, "0.4")], limit).verdict is Verdict.BREACH
    assert judged([*winters, month(31, "0.4")], limit).verdict is Verdict.HOLD


def test_breakdowns_overrides_and_owners() -> None:
    rows = [
        month(17, "0.1"),
        month(17, "0.1", breakdown='{"segment":"SMB"}'),
        month(17, "0.1", breakdown='{"segment":"ENT"}'),
        month(17, "0.1", breakdown='{"team":"East"}'),
        month(17, "0.1", breakdown='{"owner":"crm:1"}', owner_name="Ana Diaz", owner_team="East"),
    ]
    options = SeriesOptions.model_validate(
        {
            "by": ["segment", "owner"],
            "overrides": {"segment": {"ENT": {"severity": "critical", "min_n": 200}}},
        }
    )
    found = judge_series(rows, options, WORDS, lambda own, metric: BELOW)
    assert {finding.key: finding.verdict.value for finding in found} == {
        "win_rate/month/total": "breach",
        "win_rate/month/segment:SMB": "breach",
        "win_rate/month/segment:ENT": "hold",
        "win_rate/month/owner:crm:1": "breach",
    }
    notice = found[-1].notice
    assert notice is not None
    assert (notice.owner, notice.team) == ("Ana Diaz", "East")
    assert notice.headline.endswith(", owner Ana Diaz: 10.0 %")


def test_what_was_told_is_not_taken_back_for_want_of_data() -> None:
    watched = [{"watched_key": "win_rate/month/total"}, {"watched_key": "win_rate/month/team:East"}]
    found = judge_series(watched, SeriesOptions(), WORDS, lambda own, metric: BELOW)
    assert {finding.key: finding.verdict.value for finding in found} == {
        "win_rate": "unknown",
        "win_rate/month/total": "unknown",
        "win_rate/month/team:East": "clear",
    }


def test_a_metric_that_lacks_its_inputs_is_nothing_to_be_told_of() -> None:
    lacking = [{"metric": "win_rate", "is_lacking": True}]
    assert judge_series(lacking, SeriesOptions(), WORDS, lambda own, metric: BELOW) == []
