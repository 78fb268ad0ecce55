"""payment_failed: from the first failure to the money, or the end of the window."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from rule_house import NOON

from revops_pipelines.engine.alerts.declaration import Verdict
from revops_pipelines.sensors.rules.payment_failed import RULE, PaymentOptions, detect

LONG_AGO = datetime(2026, 5, 20, 8)


def failure(**said: Any) -> dict[str, Any]:
    return {
        "failure_id": "b:in_1",
        "invoice_id": "b:in_1",
        "failed_at": datetime(2026, 6, 20, 8),
        "failed_amount": Decimal(100),
        "recovered_amount": Decimal(0),
        "recovery_days": 30,
        "is_stale": False,
        "account": "Acme",
        "base_currency": "USD",
    } | said


@pytest.mark.parametrize(
    ("row", "verdict", "severity"),
    [
        ({}, Verdict.BREACH, "info"),
        ({"recovered_amount": Decimal(40)}, Verdict.BREACH, "info"),
        ({"failed_amount": Decimal(5000)}, Verdict.BREACH, "warning"),
        ({"failed_at": LONG_AGO}, Verdict.BREACH, "warning"),
        ({"failed_at": LONG_AGO, "failed_amount": Decimal(5000)}, Verdict.BREACH, "critical"),
        ({"recovered_amount": Decimal(100)}, Verdict.CLEAR, None),
        ({"is_stale": True}, Verdict.HOLD, None),
    ],
)
def test_verdicts(rows_of, row, verdict, severity):
    [found] = detect(rows_of(RULE, failure(**row)), PaymentOptions(), NOON)
    assert (found.verdict, found.severity) == (verdict, severity)


@pytest.mark.parametrize(("at", "severity"), [(None, "warning"), (LONG_AGO, "critical")])
def test_severities_can_be_set(rows_of, at, severity):
    options = PaymentOptions(severity="warning", ended_severity="critical")
    rows = rows_of(RULE, failure(**({"failed_at": at} if at else {})))
    assert [found.severity for found in detect(rows, options, NOON)] == [severity]


def test_it_says_how_much_and_until_when(rows_of):
    [found] = detect(rows_of(RULE, failure()), PaymentOptions(), NOON)
    assert found.notice.headline == "Payment failed: Acme, 100.00 USD"
    assert found.notice.limit == "paid within 30 days, by 2026-07-20"
    assert found.notice.team == "finance"


def test_old_losses_are_told_once_and_then_closed(rows_of):
    old = failure(failed_at=datetime(2026, 1, 1))
    assert detect(rows_of(RULE, old), PaymentOptions(), NOON) == []
    [found] = detect(rows_of(RULE, old, {"watched_key": "b:in_1"}), PaymentOptions(), NOON)
    assert (found.verdict, found.reason) == (Verdict.CLEAR, "not recovered; written off here")


def test_small_ones_and_void_bills(rows_of):
    rows = rows_of(RULE, failure(), {"watched_key": "b:void"})
    small, void = detect(rows, PaymentOptions(min_amount=200), NOON)
    assert small.reason == "too small to be told"
    assert (void.key, void.verdict) == ("b:void", Verdict.CLEAR)
