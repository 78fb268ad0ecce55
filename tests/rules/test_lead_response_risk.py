"""lead_response_risk: half of the time used is info, four fifths a warning; then it is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rule_house import NOON, RuleHouse

from revops_pipelines.sensors.rules.lead_response_risk import RULE


@pytest.fixture(autouse=True)
def lead(house: RuleHouse) -> None:
    house.put("users", user_id="crm:owner", name="Sam Seller", email="sam@us.example", team="emea")
    house.put(
        "leads",
        lead_id="crm:1",
        raised_at="2026-06-30 11:20",
        full_name="Jane Roe",
        owner_id="crm:owner",
        segment="ENT",
    )


def test_it_rises_with_the_time_used_and_ends_as_the_breach_begins(house: RuleHouse) -> None:
    seen = []
    for minutes in (-15, -5, 9, 21):
        done = house.evaluate(RULE, NOON + timedelta(minutes=minutes))
        seen.append((done.fired, done.escalated, done.resolved))
    assert seen == [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    notice = house.notice("crm:1")
    assert notice["headline"] == "Lead unanswered, 25 min of working time left: J. R."
    assert notice["facts"]["Time used"] == "58%"
    assert (notice["owner_email"], notice["team"]) == ("sam@us.example", "emea")
    ended = house.notice("crm:1", "resolved")["ended"]
    assert ended == "its time is over: lead_response_sla tells of it now"


def test_an_answer_ends_it(house: RuleHouse) -> None:
    assert house.evaluate(RULE).fired == 1
    house.put(
        "activities",
        activity_id="crm:call",
        lead_id="crm:1",
        occurred_at="2026-06-30 12:01",
        user_id="crm:owner",
    )
    assert house.evaluate(RULE, NOON + timedelta(minutes=5)).resolved == 1
    assert house.notice("crm:1", "resolved")["ended"].startswith("answered by Sam Seller (call)")


def test_the_target_is_that_of_the_segment(house: RuleHouse) -> None:
    # The target of lead_response_sla holds, as it was set when that rule was judged last.
    house.connection.execute(
        "INSERT INTO ops.rule_settings VALUES ('lead_response_sla', "
        """'{"overrides": {"segment": {"ENT": {"target_minutes": 200}}}}', 'h', """
        "'2026-06-01', 'run')"
    )
    assert house.evaluate(RULE).fired == 0
    assert house.evaluate(RULE, NOON + timedelta(minutes=65)).fired == 1
