"""The bridge between policies of a whole night, as the command tells it: it ties to the cent."""

from __future__ import annotations

import itertools
import json
import sys
from datetime import timedelta
from decimal import Decimal

import pytest

from revops_pipelines import cli
from revops_pipelines.engine.metrics.policies import POLICIES
from revops_pipelines.engine.metrics.policy_bridge import bridge_between, last_month

SEEDS = (7, 11, 23)
NAMES = [policy.name for policy in POLICIES]


@pytest.fixture(params=SEEDS, ids=lambda seed: f"seed {seed}")
def told(request, night):
    return night(request.param)


def test_between_any_two_policies_the_causes_explain_every_cent(told):
    month = last_month(told.published)
    found = {
        pair: bridge_between(told.published, *pair, month)
        for pair in itertools.permutations(NAMES, 2)
    }
    assert {pair: bridge.unexplained for pair, bridge in found.items() if bridge.unexplained} == {}
    for bridge in found.values():
        for each in bridge.customers:
            assert sum(each.causes.values()) == each.difference
        apart = sum((each.difference for each in bridge.customers), Decimal(0))
        assert apart == bridge.after - bridge.before
    causes = {
        cause for bridge in found.values() for cause, amount in bridge.causes.items() if amount
    }
    assert causes == {"statuses", "discounts", "month_length", "exchange"}


def test_the_rules_are_true_of_what_the_company_meant(told):
    """Whom single rules concern, against the simulation's own ledger at the month's end."""
    month = last_month(told.published)
    in_force = [
        row
        for row in told.truth["subscription_periods"]
        if row["from_on"] <= _last_day(month)
        and (row["to_on"] is None or row["to_on"] > _last_day(month))
    ]
    counted = ("active", "past_due", "unpaid", "free")
    expected = {
        ("chartmogul", "statuses"): {
            row["customer_id"] for row in in_force if row["status"] in ("paused", "unpaid")
        },
        ("chargebee", "discounts"): {
            row["customer_id"]
            for row in in_force
            if row["status"] in counted and row[_kept(row)] != row["monthly_amount"]
        },
        ("revenuecat", "month_length"): {
            row["customer_id"]
            for row in in_force
            if row["status"] in ("active", "past_due") and row["billing_interval"] == "week"
        },
    }
    for (policy, cause), customers in expected.items():
        bridge = bridge_between(told.published, "ours", policy, month)
        concerned = {
            each.customer_id.removeprefix("stripe:")
            for each in bridge.customers
            if each.causes[cause]
        }
        assert concerned == customers, policy
        assert customers


def _kept(row):
    is_yearly = row["billing_interval"] == "year"
    return "lasting_monthly_amount" if is_yearly else "recurring_monthly_amount"


def _last_day(month):
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def test_the_command_shows_what_is_published(told, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REVOPS_HOME", str(told.settings.home))
    monkeypatch.setattr(sys, "argv", ["revops", "policies", "ours", "chargebee", "--json"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    shown = json.loads(capsys.readouterr().out)
    assert Decimal(shown["unexplained"]) == 0
    published = {
        row["policy"]: row["value"]
        for row in told.rows(
            "SELECT json_extract_string(dimensions, '$.policy') AS policy, value "
            "FROM metrics.metric_values WHERE metric = 'mrr_by_policy' AND grain = 'month' "
            f"AND period_start_on = DATE '{shown['period_start_on']}'"
        )
    }
    assert Decimal(shown["from"]["mrr"]) == published["ours"] == published[None]
    assert Decimal(shown["to"]["mrr"]) == published["chargebee"]
