"""coverage_drop: too little pipeline for what is left, or far less than on the fifth day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from rule_house import NOON

from revops_pipelines.engine.alerts.declaration import Verdict
from revops_pipelines.sensors.rules.coverage_drop import RULE, CoverageOptions, detect


def coverage(**said: Any) -> dict[str, Any]:
    return {
        "grain": "quarter",
        "period_start_on": date(2026, 4, 1),
        "period_end_on": date(2026, 7, 1),
        "breakdown": "{}",
        "value": Decimal("2.5"),
        "opening_value": Decimal("3.0"),
        "remaining_amount": Decimal(90_000),
        "n": 12,
        "as_of_on": date(2026, 5, 15),
        "base_currency": "USD",
        "is_stale": False,
    } | said


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        ({}, Verdict.CLEAR),
        ({"value": Decimal("1.9"), "opening_value": None}, Verdict.BREACH),
        ({"value": Decimal("2.0")}, Verdict.BREACH),  # a third less than three times
        ({"value": Decimal("2.0"), "n": 2}, Verdict.CLEAR),
        ({"value": Decimal("1.0"), "as_of_on": date(2026, 6, 20)}, Verdict.HOLD),
        ({"value": None}, Verdict.CLEAR),
        ({"value": Decimal("1.0"), "is_stale": True}, Verdict.HOLD),
    ],
)
def test_verdicts(rows_of, row, verdict):
    [found] = detect(rows_of(RULE, coverage(**row)), CoverageOptions(), NOON)
    assert found.verdict is verdict


def test_it_says_what_is_left(rows_of):
    rows = rows_of(RULE, coverage(value=Decimal("1.0"), breakdown='{"team":"East"}'))
    [found] = detect(rows, CoverageOptions(by=("team",)), NOON)
    assert found.notice.headline == "Pipeline covers 1.0x of the quarter from 2026-04-01, team East"
    assert found.notice.observed == "12 open deals cover 1.0x of 90,000.00 USD left"
    assert found.notice.limit == ("at least 2.0x; no fall by 30% since the fifth day (3.0x then)")
    assert found.notice.team == "East"


def test_last_quarters_alert_ends(rows_of):
    rows = rows_of(RULE, coverage(), {"watched_key": "2026-01-01/total"})
    assert detect(rows, CoverageOptions(), NOON)[-1].verdict is Verdict.CLEAR
