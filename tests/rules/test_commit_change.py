"""commit_change: what was promised for the quarter and taken back."""

from __future__ import annotations

from typing import Any

import pytest
from rule_house import RuleHouse

from revops_pipelines.sensors.rules.commit_change import RULE


def stood(house: RuleHouse, on: str, **said: Any) -> None:
    house.put(
        "opportunity_snapshots",
        **{
            "opportunity_id": "crm:d1",
            "source_id": on,
            "snapshot_on": on,
            "amount": 10_000,
            "currency": "USD",
            "close_on": "2026-06-29",
            "forecast_category": "commit",
            "is_closed": False,
            "is_won": False,
        }
        | said,
    )


@pytest.fixture(autouse=True)
def deal(house: RuleHouse) -> None:
    house.put("users", user_id="crm:ana", name="Ana Diaz", team="East")
    house.put("accounts", account_id="crm:acme", name="Acme")
    house.put(
        "opportunities",
        opportunity_id="crm:d1",
        account_id="crm:acme",
        owner_id="crm:ana",
        name="Big one",
        kind="new",
    )
    stood(house, "2026-06-01")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"close_on": "2026-07-15"}, "put off to 2026-07-15"),
        ({"close_on": None}, "put off to no date"),
        ({"forecast_category": "best_case"}, "now best case"),
        ({"amount": 7_000}, "cut to 7,000.00 USD"),
        ({"is_closed": True, "forecast_category": "omitted"}, "lost"),
        ({"is_closed": True, "is_won": True, "forecast_category": "closed"}, ""),
        ({"amount": 9_000}, ""),
        ({"close_on": "2026-06-30"}, ""),
    ],
)
def test_what_is_taken_back(house: RuleHouse, change: dict[str, Any], said: str) -> None:
    stood(house, "2026-06-28", **change)
    assert house.evaluate(RULE).fired == bool(said)
    if said:
        notice = house.notice("crm:d1/2026-06-28")
        assert notice["headline"] == f"Committed deal {said}: Acme, 10,000.00 USD"
        assert (notice["owner"], notice["team"]) == ("Ana Diaz", "East")
        assert notice["is_momentary"] is True


def test_old_changes_small_deals_and_renewals_are_no_news(house: RuleHouse) -> None:
    stood(house, "2026-06-10", close_on="2026-08-01")
    assert house.evaluate(RULE).fired == 0
    assert house.evaluate(RULE, days=30).fired == 1
    house.connection.execute("UPDATE conformed.opportunities SET kind = 'renewal'")
    assert house.evaluate(RULE, days=30, keep_minutes=0).resolved == 1
