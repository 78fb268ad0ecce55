"""Taking values apart: for every metric, the parts are the whole and their changes the change.

On a random company, and on a case small enough to follow.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from functools import cache

import pytest
from metric_warehouse import METRICS, Warehouse, at, in_order, on
from random_company import company_of, filled

from revops_pipelines.engine.metrics.explain import Explanation, explain
from revops_pipelines.engine.metrics.explain_rows import NothingToExplainError

# One id of each series: the quantiles of a duration have the same facts.
TOTALS = sorted(
    series.metrics[0] for metric in METRICS.values() for series in metric.series if series.has_total
)
NEAR = Fraction(1, 10**6)


@cache
def company() -> Warehouse:
    warehouse = filled(31, company_of(31))
    warehouse.build(*in_order())
    return warehouse


def explained(name: str, period: date, **where: str) -> Explanation:
    return explain(company().connection, METRICS.values(), name, "month", period, where)


@pytest.mark.parametrize("name", TOTALS)
def test_the_parts_are_the_whole(name: str) -> None:
    months = company().rows(
        "SELECT period_start_on, value, numerator, denominator, n, n_excluded "
        f"FROM metrics.metric_values WHERE metric = '{name}' AND grain = 'month' "
        "AND CAST(dimensions AS VARCHAR) = '{}' ORDER BY is_mature DESC, 1 DESC LIMIT 1"
    )
    for month, value, _, _, n, n_excluded in months:
        told = explained(name, month)
        assert told.value == value
        assert told.n == n
        assert sum(each.count for each in told.left_out) == n_excluded
        parts = [record.part for record in told.records]
        if told.before is None or value is None or None in parts:
            continue
        change = Fraction(value) - Fraction(told.before)
        assert abs(sum(parts) - change) < NEAR
        for groups in told.groups.values():
            assert abs(sum(group.part for group in groups) - change) < NEAR


@pytest.mark.parametrize("name", ["win_rate", "net_revenue_retention", "mrr", "sla_attainment"])
def test_most_metrics_have_parts(name: str) -> None:
    told = explained(name, on("2026-04-01"))
    assert any(record.part for record in told.records)
    assert {"segment", "owner"} <= told.groups.keys()


def test_a_breakdown_is_taken_apart_as_the_total_is() -> None:
    told = explained("win_rate", on("2026-04-01"), segment="SMB")
    row = company().rows(
        "SELECT value, n FROM metrics.metric_values WHERE metric = 'win_rate' AND grain = 'month' "
        "AND period_start_on = '2026-04-01' AND (dimensions->>'segment') = 'SMB'"
    )[0]
    assert (told.value, told.n) == row
    assert "segment" not in told.groups


def test_two_conditions_at_once_are_computed_from_the_records() -> None:
    told = explained("mrr", on("2026-04-01"), segment="SMB", region="unknown")
    assert told.value == sum(record.numerator for record in told.records)
    assert not told.published


def test_what_there_is_not_is_said() -> None:
    with pytest.raises(NothingToExplainError, match="by colour; it is by segment"):
        explained("win_rate", on("2026-04-01"), colour="red")
    with pytest.raises(NothingToExplainError, match="no facts in month 1999-01-01"):
        explained("win_rate", on("1999-01-01"))
    with pytest.raises(NothingToExplainError, match="no month of win_rate begins on 2026-04-02"):
        explained("win_rate", on("2026-04-02"))


def test_a_small_case(warehouse: Warehouse) -> None:
    """April 1 of 2, May 2 of 3: the SMB deal won in May did what there is to the change."""
    warehouse.put(
        "accounts",
        {"account_id": "a", "name": "A", "segment": "SMB"},
        {"account_id": "b", "name": "B", "segment": "ENT"},
    )
    for deal, account, closed, is_won in (
        ("1", "a", "2026-04-02 10:00", False),
        ("2", "b", "2026-04-03 10:00", True),
        ("3", "a", "2026-05-02 10:00", True),
        ("4", "a", "2026-05-03 10:00", False),
        ("5", "b", "2026-05-04 10:00", True),
        ("6", "b", "2026-05-04 10:00", False),
    ):
        warehouse.put(
            "opportunities",
            {
                "opportunity_id": deal,
                "account_id": account,
                "name": f"Deal {deal}",
                "url": f"https://crm.example/{deal}",
                "created_at": at("2026-01-01 00:00"),
                "closed_at": at(closed),
                "is_closed": True,
                "is_won": is_won,
                "amount": 0 if deal == "6" else 10,
            },
        )
    warehouse.build("win_rate")
    told = explain(
        warehouse.connection, METRICS.values(), "win_rate", "month", on("2026-05-01"), {}
    )
    assert (told.numerator, told.denominator, told.n) == (2, 3, 3)
    # The rate was 1/2. SMB: (1 - 2/2) / 3 - (0 - 1/2) / 2; ENT: (1 - 1/2) / 3 - (1 - 1/2) / 2.
    parts = {group.member: group.part for group in told.groups["segment"]}
    assert parts == {"SMB": Fraction(1, 4), "ENT": Fraction(-1, 12)}
    shown = {record.subject: (record.name, record.url) for record in told.records}
    assert shown["3"] == ("Deal 3", "https://crm.example/3")
    assert [(each.reason, each.subjects) for each in told.left_out] == [("zero_amount", ("6",))]
