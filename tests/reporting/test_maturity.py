"""Maturity: levels from shares, scores from levels, and criteria that count what they say."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
from metric_warehouse import METRICS, Warehouse, at

from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.reporting.maturity import (
    USUAL,
    Area,
    Criterion,
    Finding,
    Judged,
    finding,
    judge,
    level_of,
    reached,
    score,
)
from revops_pipelines.reporting.maturity_billing import BILLING
from revops_pipelines.reporting.maturity_operations import OPERATIONS

CRITERIA = {each.name: each for area in (*BILLING, *OPERATIONS) for each in area.criteria}
ONE = Criterion("one", "One", "things", "Do more.")


@pytest.fixture(scope="module")
def whole():
    """A warehouse with all tables and no rows."""
    warehouse = Warehouse()
    for metric in METRICS.values():
        if metric.detail is not None:
            listed = ", ".join(f'"{each.name}" {each.type}' for each in metric.detail.columns)
            warehouse.connection.execute(f"CREATE TABLE metrics.{metric.detail.table} ({listed})")
    ensure_schema(warehouse.connection)
    yield warehouse
    warehouse.connection.close()


@pytest.fixture
def warehouse(whole):
    whole.connection.execute("BEGIN TRANSACTION")
    yield whole
    whole.connection.execute("ROLLBACK")


def measured(warehouse, name) -> tuple[int, int]:
    [judged] = judge(warehouse.connection, [Area("a", "A", (CRITERIA[name],))], {})
    [found] = judged.findings
    assert found.level is not None
    return int(found.part), int(found.whole)


@pytest.mark.parametrize(
    ("part", "whole", "level"),
    [(0, 10, 0), (1, 100, 1), (49, 100, 1), (5, 10, 2), (8, 10, 3), (95, 100, 4), (0, 0, 0)],
)
def test_a_level_is_the_steps_a_share_has_reached(part, whole, level):
    assert level_of(Decimal(part), Decimal(whole), USUAL) == level


def test_a_score_leaves_out_what_cannot_be_told():
    assert score([4, None, 1]) == Decimal("2.5")
    assert score([None]) is None


def stage(passed_with: str | None) -> Judged:
    return Judged(Area("s", "S", ()), (), None if passed_with is None else Decimal(passed_with))


def test_a_stage_is_reached_only_over_those_before_it():
    first, second, third = stage("3"), stage("2.4"), stage("4")
    assert reached([first, second, third]) is first
    assert reached([second, third]) is None
    assert reached([first, stage(None), third]) is first


def test_evidence_is_the_number():
    assert finding(ONE, (1, 8)).evidence == "12.5%: 1 of 8 things"
    assert finding(ONE, (0, 0)).evidence == "0 of 0 things"
    assert finding(ONE, None) == Finding(ONE, Decimal(0), Decimal(0), None)
    assert "cannot tell" in finding(ONE, None).evidence


def test_every_area_is_there_with_its_criteria_named_once():
    names = [each.name for area in (*BILLING, *OPERATIONS) for each in area.criteria]
    assert len(names) == len(set(names))
    assert [area.name for area in BILLING] == [
        *("payment_processing", "billing_automation"),
        *("subscription_management", "revenue_operations"),
    ]
    assert [area.name for area in OPERATIONS] == ["people", "process", "platform", "insights"]


def test_an_empty_company_is_told_to_be_at_the_beginning(warehouse):
    _published_alone(warehouse)
    for judged in judge(warehouse.connection, (*BILLING, *OPERATIONS), {"targets_set": (0, 22)}):
        for found in judged.findings:
            assert found.level == 0, found.criterion.name


def test_an_older_snapshot_does_not_fail():
    with duckdb.connect() as connection:
        for judged in judge(connection, (*BILLING, *OPERATIONS), {}):
            assert {found.level for found in judged.findings} <= {None, 0}


def _published_alone(warehouse):
    """Tables that only publishing or alerting makes."""
    warehouse.connection.execute(
        """
        CREATE TABLE IF NOT EXISTS ops.quarantine_counts (rows BIGINT);
        CREATE TABLE IF NOT EXISTS ops.sources (source VARCHAR, area VARCHAR);
        CREATE TABLE IF NOT EXISTS ops.alert_evaluations (rule VARCHAR, problem VARCHAR);
        CREATE TABLE IF NOT EXISTS ops.untrusted_deals (opportunity_id VARCHAR);
        CREATE TABLE IF NOT EXISTS metrics.restatements
            (metric VARCHAR, grain VARCHAR, period_start_on DATE);
        """
    )


def test_paid_bills_need_a_payment_that_succeeded(warehouse):
    bill = {"status": "paid", "total": 10, "issued_at": at("2026-05-01 00:00")}
    warehouse.put(
        "invoices",
        *({"invoice_id": f"i{number}", "customer_id": "c", **bill} for number in range(3)),
        {**bill, "invoice_id": "free", "customer_id": "c", "total": 0},
    )
    warehouse.put(
        "payments",
        {"payment_id": "p0", "invoice_id": "i0", "status": "failed"},
        {"payment_id": "p1", "invoice_id": "i1", "status": "succeeded"},
        {"payment_id": "p2", "invoice_id": "i1", "status": "succeeded"},
    )
    assert measured(warehouse, "payments_present") == (1, 3)


def test_bills_follow_a_subscription_or_not(warehouse):
    bill = {"customer_id": "c", "total": 10, "issued_at": at("2026-05-01 00:00")}
    warehouse.put(
        "invoices",
        {**bill, "invoice_id": "1", "status": "open", "subscription_id": "s"},
        {**bill, "invoice_id": "2", "status": "paid"},
        {**bill, "invoice_id": "3", "status": "draft"},
    )
    assert measured(warehouse, "billed_by_subscription") == (1, 2)


def test_a_change_within_a_term_wants_a_prorated_line(warehouse):
    period = {"customer_id": "c", "monthly_amount": 5, "valid_from_on": "2026-01-01"}
    warehouse.put(
        "subscription_periods",
        *({**period, "subscription_id": "s1", "quantity": seats} for seats in (1, 2)),
        *({**period, "subscription_id": "s2", "quantity": seats} for seats in (1, 2)),
        {**period, "subscription_id": "s3", "quantity": 1},
    )
    warehouse.put(
        "invoice_lines",
        {"line_id": "l", "subscription_id": "s1", "is_proration": True},
        {"line_id": "m", "subscription_id": "s2", "is_proration": False},
    )
    assert measured(warehouse, "changes_prorated") == (1, 2)


def test_two_customers_of_one_company_are_both_linked(warehouse):
    warehouse.put("accounts", {"account_id": "a", "name": "Acme"})
    warehouse.put(
        "customers",
        *({"customer_id": key, "account_id": "a"} for key in ("c1", "c2")),
        {"customer_id": "c3"},
    )
    warehouse.put(
        "subscriptions",
        *(
            {"subscription_id": f"s{key}", "customer_id": key, "status": "active"}
            for key in ("c1", "c2", "c3")
        ),
    )
    assert measured(warehouse, "customers_linked") == (2, 3)


def test_a_deal_of_somebody_who_left_is_not_owned(warehouse):
    warehouse.put("users", {"user_id": "u1"}, {"user_id": "u2", "is_active": False})
    warehouse.put(
        "opportunities",
        *({"opportunity_id": f"d{owner}", "owner_id": owner} for owner in ("u1", "u2", None)),
        {"opportunity_id": "won", "owner_id": "u1", "is_closed": True},
    )
    assert measured(warehouse, "deals_owned") == (1, 3)


def test_the_latest_mature_month_of_answers_is_taken(warehouse):
    for month, part, is_mature in (
        ("2026-04", 1, True),
        ("2026-05", 7, True),
        ("2026-06", 9, False),
    ):
        warehouse.connection.execute(
            "INSERT INTO metrics.metric_values (metric, grain, period_start_on, dimensions, value, "
            "numerator, denominator, is_mature) VALUES ('sla_attainment', 'month', ?, '{}', 0.5, "
            "?, 10, ?)",
            [f"{month}-01", part, is_mature],
        )
    assert measured(warehouse, "leads_answered") == (7, 10)
