"""What the whole night publishes equals the truth of the simulated company, to the cent and minute.

The truth is what the simulation meant to happen; nothing of the pipelines is used to tell it.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest

SEEDS = (7, 11, 23)


@pytest.fixture(params=SEEDS, ids=lambda seed: f"seed {seed}")
def told(request, night):
    return night(request.param)


def contact(identifier: str | None) -> str | None:
    return identifier.removeprefix("hubspot:") if identifier else None


def test_the_night_ends_well(told):
    failed = [event for event in told.result.all_events if event.is_step_failure]
    assert [event.step_key for event in failed] == []
    assert told.result.success


def test_every_person_who_raised_a_hand_is_there_once(told):
    expected = {
        row["hubspot_contact_id"]: row["raised_at"]
        for row in told.truth["leads"]
        if row["is_inbound"] and row["deleted_at"] is None
    }
    found = {
        contact(row["lead_id"]): row["raised_at"]
        for row in told.rows(
            "SELECT lead_id, raised_at FROM conformed.leads "
            "WHERE is_inbound AND _deleted_at IS NULL"
        )
    }
    assert set(found) == set(expected)
    apart = {
        person: (found[person], raised)
        for person, raised in expected.items()
        if abs((found[person] - raised.replace(tzinfo=None)).total_seconds()) >= 60
    }
    assert apart == {}


def test_the_first_human_touch_of_every_lead(told):
    expected = {
        row["hubspot_contact_id"]: row["first_touch_at"]
        for row in told.truth["leads"]
        if row["is_inbound"] and row["deleted_at"] is None and not row["excluded_reason"]
    }
    found = {
        contact(row["lead_id"]): row["first_touch_at"]
        for row in told.rows(
            "SELECT lead_id, first_touch_at FROM metrics.speed_to_lead WHERE state <> 'excluded'"
        )
    }
    assert set(found) == set(expected)
    plain = {
        person: touch.replace(tzinfo=None) if touch else None for person, touch in expected.items()
    }
    assert {p: (found[p], plain[p]) for p in plain if found[p] != plain[p]} == {}


def test_the_excluded_are_excluded_for_their_reason(told):
    expected = {
        row["hubspot_contact_id"]: row["excluded_reason"]
        for row in told.truth["leads"]
        if row["deleted_at"] is None and row["excluded_reason"]
    }
    found = {
        contact(row["lead_id"]): row["excluded_reason"]
        for row in told.rows(
            "SELECT lead_id, excluded_reason FROM conformed.leads "
            "WHERE excluded_reason IS NOT NULL AND _deleted_at IS NULL "
            "AND lead_id LIKE 'hubspot:%'"
        )
    }
    assert found == expected


def test_mrr_movements_to_the_cent(told):
    kinds = ("new", "expansion", "contraction", "churn", "reactivation", "fx")
    first_open_month = told.now.date().replace(day=1)
    expected = {
        (row["customer_id"], row["month"], kind): Decimal(row[kind])
        for row in told.truth["mrr"]
        for kind in kinds
        if Decimal(row[kind]) and row["month"] < first_open_month
    }
    found = {
        (contact_of_stripe(row["customer_id"]), row["period_start_on"], row["movement"]): row[
            "amount"
        ]
        for row in told.rows("SELECT * FROM metrics.mrr_movements WHERE movement <> 'none'")
        if row["amount"]
    }
    signed = {
        key: -abs(amount) if key[2] in ("contraction", "churn") else amount
        for key, amount in expected.items()
    }
    assert {
        k: (found.get(k), signed.get(k))
        for k in found.keys() | signed.keys()
        if found.get(k) != signed.get(k)
    } == {}


def contact_of_stripe(identifier: str) -> str:
    return identifier.removeprefix("stripe:")


def test_mrr_of_every_month_to_the_cent(told):
    first_open_month = told.now.date().replace(day=1)
    expected: dict = defaultdict(Decimal)
    for row in told.truth["mrr"]:
        if row["month"] < first_open_month:
            expected[row["month"]] += Decimal(row["closing"])
    found = {
        row["period_start_on"]: row["value"]
        for row in told.rows(
            "SELECT period_start_on, value FROM metrics.metric_values WHERE metric = 'mrr' "
            "AND grain = 'month' AND dimensions::VARCHAR = '{}' AND is_mature"
        )
    }
    assert {m: v for m, v in expected.items() if v} == {m: v for m, v in found.items() if v}


def test_every_stay_of_every_deal_in_a_stage(told):
    living = {row["deal_id"] for row in told.truth["deals"] if row["deleted_at"] is None}
    expected = {
        (
            row["deal_id"],
            row["pipeline"],
            row["stage"],
            row["entered_at"].replace(tzinfo=None),
            row["left_at"].replace(tzinfo=None) if row["left_at"] else None,
        )
        for row in told.truth["deal_stages"]
        if row["deal_id"] in living
    }
    found = {
        (
            contact(row["opportunity_id"]),
            row["pipeline"],
            row["stage"],
            row["entered_at"],
            row["left_at"],
        )
        for row in told.rows(
            "SELECT h.* FROM conformed.opportunity_stage_history h "
            "JOIN conformed.opportunities o USING (opportunity_id) WHERE o._deleted_at IS NULL"
        )
    }
    assert found == expected


def test_every_deal_at_the_end_of_every_day(told):
    owners = {
        row["user_id"]: row["user_id"].removeprefix("hubspot:")
        for row in told.rows("SELECT user_id FROM conformed.users")
    }
    expected = {
        (row["deal_id"], row["snapshot_on"]): (
            row["pipeline"],
            row["stage"],
            row["amount"],
            row["currency"],
            row["close_on"],
            row["forecast_category"],
            float(row["probability"]),
            row["owner_hubspot_id"],
            row["is_closed"],
            row["is_won"],
            row["deleted_at"].replace(tzinfo=None) if row["deleted_at"] else None,
        )
        for row in told.truth["deal_days"]
    }
    found = {
        (contact(row["opportunity_id"]), row["snapshot_on"]): (
            row["pipeline"],
            row["stage"],
            row["amount"],
            row["currency"],
            row["close_on"],
            row["forecast_category"],
            row["probability"],
            owners[row["owner_id"]],
            row["is_closed"],
            row["is_won"],
            row["_deleted_at"],
        )
        for row in told.rows("SELECT * FROM conformed.opportunity_snapshots")
    }
    assert found == expected


def test_every_deals_history_can_be_trusted(told):
    checks = {
        evaluation.check_name: evaluation.passed
        for evaluation in told.result.get_asset_check_evaluations()
    }
    assert checks["deal_history_agrees"]
    assert told.rows("SELECT * FROM ops.untrusted_deals") == []


def test_how_every_deal_stands(told):
    expected = {
        row["deal_id"]: (
            row["is_won"],
            row["is_closed"],
            Decimal(row["amount"] or 0),
            row["currency"],
        )
        for row in told.truth["deals"]
        if row["deleted_at"] is None
    }
    found = {
        contact(row["opportunity_id"]): (
            row["is_won"],
            row["is_closed"],
            row["amount"] or 0,
            row["currency"],
        )
        for row in told.rows("SELECT * FROM conformed.opportunities WHERE _deleted_at IS NULL")
    }
    assert found == expected


def test_customers_are_linked_to_their_companies(told):
    expected = {
        row["customer_id"]: row["account_hubspot_id"]
        for row in told.truth["customers"]
        if row["link"] == "metadata" and not row["is_deleted"]
    }
    found = {
        contact_of_stripe(row["customer_id"]): contact(row["account_id"])
        for row in told.rows("SELECT customer_id, account_id FROM conformed.customers")
    }
    assert {c: found.get(c) for c in expected} == expected


def test_opening_and_movements_make_the_closing(told):
    rows = told.rows(
        "SELECT customer_id, period_start_on, any_value(opening_mrr) o, any_value(closing_mrr) c, "
        "sum(amount) moved FROM metrics.mrr_movements GROUP BY ALL"
    )
    assert rows
    assert [row for row in rows if row["o"] + row["moved"] != row["c"]] == []


def test_every_inbound_lead_is_in_exactly_one_state(told):
    rows = told.rows("SELECT state, count(*) n FROM metrics.speed_to_lead GROUP BY 1")
    inbound = told.rows(
        "SELECT count(*) n FROM conformed.leads, ops.parameters "
        "WHERE is_inbound AND raised_at <= as_of_at"
    )
    assert sum(row["n"] for row in rows) == inbound[0]["n"]


def test_the_night_checked_contracts_and_identities_itself(told):
    checks = {
        (evaluation.asset_key.to_user_string(), evaluation.check_name): evaluation.passed
        for evaluation in told.result.get_asset_check_evaluations()
    }
    assert checks["metrics/mrr_movements", "movements_close"]
    assert checks["metrics/mrr_movements", "months_join"]
    assert checks["metrics/speed_to_lead", "one_state_each"]
    contracts = {key: passed for (key, name), passed in checks.items() if name == "contract"}
    assert len(contracts) >= 15
    assert all(contracts.values())
