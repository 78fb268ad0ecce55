"""forecast_move: won and promised for the quarter, against seven days ago."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from rule_house import NOON, RuleHouse

from revops_pipelines.engine.alerts.declaration import Verdict
from revops_pipelines.sensors.rules.forecast_move import RULE, ForecastOptions, detect


def forecast(**said: Any) -> dict[str, Any]:
    return {
        "team": "(company)",
        "period_start_on": NOON.date().replace(month=4, day=1),
        "before_on": NOON.date().replace(day=23),
        "worth_before": Decimal(100_000),
        "deals_before": 8,
        "worth": Decimal(80_000),
        "deals": 7,
        "base_currency": "USD",
    } | said


@pytest.mark.parametrize(
    ("row", "options", "verdict"),
    [
        ({}, {}, Verdict.BREACH),
        ({"worth": Decimal(86_000)}, {}, Verdict.CLEAR),
        ({"worth": Decimal(130_000)}, {}, Verdict.CLEAR),
        ({"worth": Decimal(130_000)}, {"direction": "both"}, Verdict.BREACH),
        ({"deals_before": 4}, {}, Verdict.HOLD),
        ({"worth_before": None}, {}, Verdict.HOLD),
        ({}, {"min_amount": 50_000}, Verdict.CLEAR),
    ],
)
def test_verdicts(rows_of, row, options, verdict):
    [found] = detect(rows_of(RULE, forecast(**row)), ForecastOptions(**options), NOON)
    assert found.verdict is verdict


def test_teams_are_judged_when_asked_for(rows_of):
    rows = rows_of(RULE, forecast(), forecast(team="East"))
    assert len(detect(rows, ForecastOptions(), NOON)) == 1
    both = detect(rows, ForecastOptions(by_team=True), NOON)
    assert both[1].notice.team == "East"


def test_the_sql_counts_what_was_won_and_promised_then_and_today(house: RuleHouse) -> None:
    def stood(deal: str, on: str, amount: int, **said: Any) -> None:
        row = {
            "opportunity_id": deal,
            "source_id": f"{deal}{on}",
            "snapshot_on": on,
            "amount": amount,
            "currency": "USD",
            "close_on": "2026-06-29",
            "forecast_category": "commit",
            "is_closed": False,
            "is_won": False,
        }
        house.put("opportunity_snapshots", **(row | said))

    for number in range(5):
        stood(f"kept{number}", "2026-06-01", 10_000)
    stood("won", "2026-06-01", 20_000)
    stood("won", "2026-06-28", 20_000, is_closed=True, is_won=True, forecast_category="closed")
    stood("away", "2026-06-01", 30_000)
    stood("away", "2026-06-28", 30_000, close_on="2026-08-01")
    stood("upside", "2026-06-01", 90_000, forecast_category="best_case")
    assert house.evaluate(RULE).fired == 1
    notice = house.notice("2026-04-01/(company)")
    assert notice["observed"] == (
        "70,000.00 USD in 6 deals, after 100,000.00 USD in 7 on 2026-06-23"
    )
