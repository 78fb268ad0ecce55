"""stuck_deals: a list a week and team, the longest over first."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from rule_house import NOON

from revops_pipelines.engine.alerts.declaration import Verdict
from revops_pipelines.sensors.rules.stuck_deals import RULE, StuckOptions, detect


def deal(number: int, **said: Any) -> dict[str, Any]:
    return {
        "opportunity_id": f"crm:{number}",
        "owner_id": "crm:ana",
        "owner_name": "Ana Diaz",
        "team": "East",
        "stage_label": "Demo",
        "days": 40.0 + number,
        "reference_days": 20.0,
        "days_over": 20.0 + number,
        "amount": Decimal(1000),
        "account": f"Acme {number}",
        "as_of_on": date(2026, 6, 30),
        "base_currency": "USD",
        "is_stale": False,
    } | said


def test_one_list_per_team_with_the_longest_first(rows_of):
    rows = rows_of(RULE, deal(2), deal(1), deal(3, team="West"))
    east, west = detect(rows, StuckOptions(), NOON)
    assert (east.key, west.key) == ("2026-06-29/East", "2026-06-29/West")
    assert east.notice.headline == "2 stuck deals, East: 2,000.00 USD"
    assert list(east.notice.facts) == ["1. Acme 2", "2. Acme 1"]
    assert east.notice.is_momentary and east.is_backlog
    assert (east.notice.owner, east.notice.team) == ("East", "East")
    assert east.notice.members == ("crm:2", "crm:1")


def test_a_list_per_owner_goes_to_the_owner(rows_of):
    [found] = detect(rows_of(RULE, deal(1)), StuckOptions(group_by="owner"), NOON)
    assert found.key == "2026-06-29/crm:ana"
    assert found.notice.owner == "Ana Diaz"


@pytest.mark.parametrize(("day", "week"), [("tue", "2026-06-30"), ("wed", "2026-06-24")])
def test_a_new_list_comes_on_its_day(rows_of, day, week):
    [found] = detect(rows_of(RULE, deal(1)), StuckOptions(day=day), NOON)
    assert found.key == f"{week}/East"


def test_last_weeks_list_ends_and_small_deals_are_left_out(rows_of):
    rows = rows_of(RULE, deal(1), {"watched_key": "2026-06-22/East"})
    [over] = detect(rows, StuckOptions(min_amount=5000), NOON)
    assert (over.key, over.verdict) == ("2026-06-22/East", Verdict.CLEAR)


def test_stale_pipelines_are_not_told(rows_of):
    [found] = detect(rows_of(RULE, deal(1, is_stale=True)), StuckOptions(), NOON)
    assert found.verdict is Verdict.HOLD


def test_long_lists_are_cut(rows_of):
    rows = rows_of(RULE, *(deal(number) for number in range(12)))
    [found] = detect(rows, StuckOptions(shown=10), NOON)
    assert found.notice.facts["And more"] == "2 in metrics.stuck_deals"
