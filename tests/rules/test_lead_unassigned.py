"""lead_unassigned: nobody owns a waiting lead, or its owner has left."""

from __future__ import annotations

from datetime import timedelta

from rule_house import NOON, RuleHouse

from revops_pipelines.sensors.rules.lead_unassigned import RULE


def lead(house: RuleHouse, raised: str, owner: str | None = None) -> None:
    house.put("leads", lead_id="crm:1", raised_at=raised, full_name="Jane Roe", owner_id=owner)


def test_a_lead_without_an_owner_is_told_after_its_turn(house: RuleHouse) -> None:
    lead(house, "2026-06-30 11:50")
    assert house.evaluate(RULE).fired == 0
    assert house.evaluate(RULE, NOON + timedelta(minutes=6)).fired == 1
    notice = house.notice("crm:1")
    assert notice["headline"] == "Lead without an owner, nobody owns it: J. R."
    assert notice["what_to_do"].startswith("Nobody owns this lead")


def test_an_assignment_ends_it_even_when_nobody_answered(house: RuleHouse) -> None:
    lead(house, "2026-06-30 11:00")
    assert house.evaluate(RULE).fired == 1
    house.put("users", user_id="crm:owner", name="Sam Seller")
    house.connection.execute("UPDATE conformed.leads SET owner_id = 'crm:owner'")
    assert house.evaluate(RULE, NOON + timedelta(minutes=5)).resolved == 1
    assert house.notice("crm:1", "resolved")["ended"] == "assigned to Sam Seller"


def test_an_owner_who_left_is_none_and_an_unknown_one_is_not_judged(house: RuleHouse) -> None:
    house.put("users", user_id="crm:owner", name="Sam Seller", is_active=False)
    lead(house, "2026-06-30 11:00", "crm:owner")
    assert house.evaluate(RULE).fired == 1
    assert house.notice("crm:1")["is_owner_gone"] is True
    house.connection.execute("DELETE FROM conformed.users")
    done = house.evaluate(RULE, NOON + timedelta(minutes=5))
    assert (done.resolved, done.unevaluated) == (0, 1)
