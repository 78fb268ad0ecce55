"""revenue_leakage: one alert per finding that is told and large enough."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from rule_house import NOON

from revops_pipelines.engine.alerts.declaration import Verdict
from revops_pipelines.sensors.rules.revenue_leakage import RULE, LeakageOptions, detect


def leak(**said: Any) -> dict[str, Any]:
    return {
        "finding_id": "won_not_billed:d1",
        "type": "won_not_billed",
        "since_on": date(2026, 6, 1),
        "age_days": 29,
        "contracted_amount": Decimal(5000),
        "billed_amount": Decimal(0),
        "amount": Decimal(5000),
        "account": "Acme",
        "owner_name": "Sam Seller",
        "base_currency": "USD",
        "is_stale": False,
    } | said


def test_what_was_sold_and_what_was_billed(rows_of):
    [found] = detect(rows_of(RULE, leak()), LeakageOptions(), NOON)
    assert found.notice.headline == "Won and not billed: Acme, 5,000.00 USD"
    assert found.notice.observed == "sold 5,000.00 USD, billed 0.00 USD, for 29 days"
    assert found.notice.what_to_do.startswith("Set the subscription up in billing")
    assert not found.is_backlog


def test_old_findings_are_backlog_small_and_other_ones_are_none(rows_of):
    rows = rows_of(
        RULE,
        leak(age_days=300),
        leak(finding_id="small", amount=Decimal(10)),
        leak(finding_id="unknown", amount=None),
        leak(finding_id="other", type="within_tolerance"),
    )
    [found] = detect(rows, LeakageOptions(), NOON)
    assert found.is_backlog


def test_stale_holds_and_what_agrees_again_ends(rows_of):
    rows = rows_of(RULE, leak(is_stale=True), {"watched_key": "mended"})
    held, ended = detect(rows, LeakageOptions(), NOON)
    assert held.verdict is Verdict.HOLD
    assert (ended.verdict, ended.reason) == (Verdict.CLEAR, "billed, paid or mended")
