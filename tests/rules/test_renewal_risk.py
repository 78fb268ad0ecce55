"""renewal_risk: renewals with a warning, the more severe the nearer."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rule_house import NOON

from revops_pipelines.engine.alerts.declaration import Verdict
from revops_pipelines.sensors.rules.renewal_risk import RULE, RenewalOptions, detect


def renewal(**said: Any) -> dict[str, Any]:
    left = said.get("days_to_renewal", 45)
    return {
        "contract_id": "b:sub1",
        "ends_on": date(2026, 6, 30) + timedelta(days=left),
        "days_to_renewal": 45,
        "arr_amount": Decimal(12000),
        "warnings": 1,
        "is_payment_failing": True,
        "is_stale": False,
        "account": "Acme",
        "owner_name": "Sam Seller",
        "owner_is_active": False,
        "base_currency": "USD",
        "segment": "SMB",
    } | said


@pytest.mark.parametrize(
    ("days", "severity"),
    [(121, None), (120, "info"), (61, "info"), (60, "warning"), (30, "critical"), (-3, "critical")],
)
def test_it_rises_as_the_day_comes_nearer(rows_of, days, severity):
    [found] = detect(rows_of(RULE, renewal(days_to_renewal=days)), RenewalOptions(), NOON)
    assert found.severity == severity
    assert found.verdict is (Verdict.BREACH if severity else Verdict.CLEAR)


@pytest.mark.parametrize(
    ("options", "severity"), [({}, "warning"), ({"critical_amount": 1000}, "critical")]
)
def test_small_ones_are_a_warning_at_most(rows_of, options, severity):
    small = renewal(days_to_renewal=10, arr_amount=Decimal(1200))
    [found] = detect(rows_of(RULE, small), RenewalOptions(**options), NOON)
    assert found.severity == severity


def test_it_says_what_warns_of_it_and_whose_it_is(rows_of):
    row = renewal(warnings=2, cancel_requested_at=NOON.replace(tzinfo=None), auto_renews=True)
    [found] = detect(rows_of(RULE, row), RenewalOptions(), NOON)
    assert found.notice.headline == "Renewal at risk in 45 days: Acme, 12,000.00 USD a year"
    assert found.notice.observed == "a payment is failing; they asked to cancel"
    assert found.notice.facts["Renews by itself"] == "yes"
    assert found.notice.is_owner_gone


@pytest.mark.parametrize(
    ("row", "options", "verdict"),
    [
        ({"warnings": 0}, {}, Verdict.CLEAR),
        ({"warnings": 0}, {"warnings": 0}, Verdict.BREACH),
        ({"is_stale": True}, {}, Verdict.HOLD),
        ({"arr_amount": None}, {"min_amount": 1}, Verdict.CLEAR),
        ({}, {"overrides": {"segment": {"SMB": {"days": {10: "info"}}}}}, Verdict.CLEAR),
    ],
)
def test_what_is_not_told(rows_of, row, options, verdict):
    [found] = detect(rows_of(RULE, renewal(**row)), RenewalOptions(**options), NOON)
    assert found.verdict is verdict


def test_what_was_renewed_ends_and_an_empty_calendar_ends_nothing(rows_of):
    watched = {"watched_key": "b:gone/2026-07-01"}
    found = detect(rows_of(RULE, renewal(), watched), RenewalOptions(), NOON)
    assert found[-1].verdict is Verdict.CLEAR
    [alone] = detect(rows_of(RULE, watched), RenewalOptions(), NOON)
    assert alone.verdict is Verdict.UNKNOWN
