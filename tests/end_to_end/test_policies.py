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
    """Whom single rules concern, against the simulation's own ledger at the ends of months."""
    month, concerned, meant = last_month(told.published), set(), set()
    for _ in range(20):
        for policy, cause in _MEANT:
            bridge = bridge_between(told.published, "ours", policy, month)
            concerned |= {
                (month, cause, each.customer_id.removeprefix("stripe:"))
                for each in bridge.customers
                if each.causes[cause]
            }
        day = _last_day(month)
        meant |= {
            (month, cause, row["customer_id"])
            for row in told.truth["subscription_periods"]
            if row["from_on"] <= day and (row["to_on"] is None or row["to_on"] > day)
            for (_, cause), is_concerned in _MEANT.items()
            if is_concerned(row)
        }
        month = (month - timedelta(days=1)).replace(day=1)
    assert concerned == meant
    # The smaller of the companies have nobody who was paused at a month's end.
    assert {cause for _, cause, _ in meant} >= {"discounts", "month_length"}


def _kept(row):
    is_yearly = row["billing_interval"] == "year"
    return "lasting_monthly_amount" if is_yearly else "recurring_monthly_amount"


def _is_reduced(row):
    is_counted = row["status"] in ("active", "past_due", "unpaid", "free")
    return is_counted and row[_kept(row)] != row["monthly_amount"]


def _is_weekly(row):
    return row["status"] in ("active", "past_due") and row["billing_interval"] == "week"


# Policy and cause -> whether a row of the ledger differs by it.
_MEANT = {
    ("chartmogul", "statuses"): lambda row: row["status"] in ("paused", "unpaid"),
    ("chargebee", "discounts"): _is_reduced,
    ("revenuecat", "month_length"): _is_weekly,
}


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
