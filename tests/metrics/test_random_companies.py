"""Every metric on random companies, against oracles in plain Python; and from shuffled rows.

The oracles know the settings and the rows, not the SQL. All values are compared: numerators,
denominators, quotients to eight decimals, counts, reasons and maturity, in every period, in total
and in every breakdown.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from typing import Any

import oracle_leads
import oracle_policies
import oracle_revenue
import oracles
import pytest
from metric_warehouse import METRICS, Warehouse, in_order
from oracle_compare import differences
from oracle_rollup import Times
from random_company import Rows, company_of, filled

SEEDS = (11, 12, 13)
TABLES = (
    "metrics.metric_values",
    *(f"metrics.{metric.detail.table}" for metric in METRICS.values() if metric.detail),
)


def built(seed: int, rows: Rows) -> Warehouse:
    warehouse = filled(seed, rows)
    warehouse.build(*in_order())
    return warehouse


@cache
def company(seed: int) -> tuple[Rows, Warehouse, Times]:
    rows = company_of(seed)
    warehouse = built(seed, rows)
    return rows, warehouse, Times(warehouse.settings, warehouse.as_of)


@cache
def expected(seed: int) -> Mapping[str, Any]:
    rows, _, times = company(seed)
    return oracles.expected(rows, times)


PUBLISHED = sorted(name for metric in METRICS.values() for name in metric.published)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("metric", PUBLISHED)
def test_values_are_those_of_the_oracle(metric: str, seed: int) -> None:
    _, warehouse, _ = company(seed)
    wanted = expected(seed)[metric]
    assert len(wanted) > 3
    assert differences(warehouse.connection, metric, wanted) == {}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_movement_is_that_of_the_oracle(seed: int) -> None:
    rows, warehouse, times = company(seed)
    found = warehouse.rows("SELECT * FROM metrics.mrr_movements")
    wanted = oracle_revenue.movements(rows, times)
    assert set(found) == wanted
    assert len(found) == len(wanted)
    names = {row[2] for row in found}
    assert {"new", "expansion", "contraction", "churn", "reactivation", "fx", "none"} <= names


@pytest.mark.parametrize("seed", SEEDS)
def test_every_lead_is_that_of_the_oracle(seed: int) -> None:
    rows, warehouse, times = company(seed)
    wanted = {
        lead: (*(each["touch"] or (None, None)), each["calendar"], each["business"], each["state"])
        for lead, each in oracle_leads.responses(rows, times).items()
    }
    found = {
        row[0]: (row[1], row[2], whole(row[3]), whole(row[4]), row[5])
        for row in warehouse.rows(
            "SELECT lead_id, first_touch_at, first_touch_activity_id, calendar_minutes, "
            "business_minutes, state FROM metrics.speed_to_lead"
        )
    }
    assert found == wanted


def whole(minutes: float) -> Fraction:
    """Minutes as exact seconds."""
    return Fraction(round(minutes * 60), 60)


@pytest.mark.parametrize("seed", SEEDS)
def test_shuffled_rows_give_the_same(seed: int) -> None:
    rows, warehouse, _ = company(seed)
    shuffled = {
        entity: random.Random(seed).sample(records, len(records))
        for entity, records in rows.items()
    }
    again = built(seed, shuffled)
    for table in TABLES:
        assert contents(again, table) == contents(warehouse, table), table


def contents(warehouse: Warehouse, table: str) -> list[str]:
    """Every row as text, in order."""
    return sorted(map(repr, warehouse.rows(f"SELECT * FROM {table}")))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_cause_of_every_bridge_is_that_of_the_oracle(seed: int) -> None:
    rows, warehouse, times = company(seed)
    found = {
        row[:4]: row[4]
        for row in warehouse.rows(
            "SELECT period_start_on, customer_id, policy, cause, amount FROM metrics.mrr_by_policy"
        )
    }
    assert found == oracle_policies.bridge(rows, times)
    causes = {(row[2], row[3]) for row in found}
    assert {cause for _, cause in causes} == {*oracle_policies.CAUSES, "missing_rate"}
    assert ("ours", "missing_rate") in causes
