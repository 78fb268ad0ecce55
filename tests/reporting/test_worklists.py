"""The lists to work off: every one runs on today's tables, none fails on an older snapshot."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
from metric_warehouse import METRICS, Warehouse

from revops_pipelines.reporting.team_lists import (
    BRIDGE,
    COVERAGE,
    LEAKAGE,
    LISTS,
    RENEWALS,
    SLIPPED,
    STUCK,
)
from revops_pipelines.reporting.worklists import Column, Worklist, filled, web_address


@pytest.fixture(scope="module")
def whole():
    """A warehouse with every table that a metric declares, all of them empty."""
    warehouse = Warehouse()
    connection = warehouse.connection
    for metric in METRICS.values():
        if metric.detail is not None:
            listed = ", ".join(f'"{each.name}" {each.type}' for each in metric.detail.columns)
            connection.execute(f"CREATE TABLE metrics.{metric.detail.table} ({listed})")
    yield warehouse
    connection.close()


@pytest.fixture
def warehouse(whole):
    """The same, and what a test puts in is gone after it."""
    whole.connection.execute("BEGIN TRANSACTION")
    yield whole
    whole.connection.execute("ROLLBACK")


def put(warehouse, table, **row):
    names, marks = ", ".join(row), ", ".join("?" for _ in row)
    warehouse.connection.execute(
        f"INSERT INTO metrics.{table} ({names}) VALUES ({marks})", list(row.values())
    )


def rows_of(warehouse, listed):
    [found] = filled(warehouse.connection, [listed], "USD")
    return [list(row.cells) for row in found.rows]


@pytest.mark.parametrize("listed", LISTS, ids=lambda each: each.title)
def test_each_list_runs_on_todays_tables(warehouse, listed):
    assert rows_of(warehouse, listed) == []


def test_an_older_snapshot_lacks_lists_and_does_not_fail():
    with duckdb.connect() as connection:
        assert filled(connection, LISTS, "USD") == []


def company(warehouse, key, name, **more):
    warehouse.put("accounts", {"account_id": key, "name": name, **more})


def test_stuck_deals_are_those_worth_most_by_the_companys_name(warehouse):
    company(warehouse, "a1", "Acme")
    for number, (amount, account) in enumerate([(10, "a1"), (5000, "gone")]):
        deal = f"d{number}"
        warehouse.put("opportunities", {"opportunity_id": deal, "account_id": account})
        put(
            warehouse,
            "stuck_deals",
            **{"opportunity_id": deal, "stage": "s", "team": "North", "days": 40},
            **{"reference_days": 20, "amount": amount, "close_on": "2026-07-01"},
        )
    assert rows_of(warehouse, STUCK) == [
        ["d1", "s", "North", "40.0 d", "20.0 d", "$5.00k", "01 Jul 2026"],
        ["Acme", "s", "North", "40.0 d", "20.0 d", "$10.00", "01 Jul 2026"],
    ]


def test_a_deal_that_slipped_and_closed_since_is_not_work(warehouse):
    for deal, is_closed in (("open", False), ("closed", True)):
        warehouse.put("opportunities", {"opportunity_id": deal, "is_closed": is_closed})
        put(
            warehouse,
            "slip_rate",
            **{"grain": "month", "period_start_on": "2026-05-01", "opportunity_id": deal},
            **{"outcome": "slipped", "slips": 2, "amount": 7},
            **{"close_on": "2026-05-20", "close_on_at_end": "2026-06-20"},
        )
    assert rows_of(warehouse, SLIPPED) == [
        ["open", "slipped", "20 May 2026", "20 Jun 2026", "2", "$7.00"]
    ]


def test_renewals_are_the_next_ninety_days_those_with_warnings_first(warehouse):
    company(warehouse, "a1", "Acme")
    shared = {"customer_id": "c", "ends_on": "2026-08-01", "arr_amount": 100, "is_quiet": True}
    for key, days, warnings, account in (
        ("calm", 30, 0, "a1"),
        ("warned", 60, 2, None),
        ("later", 91, 4, "a1"),
        ("past", -1, 4, "a1"),
    ):
        put(
            warehouse,
            "renewals_calendar",
            **shared,
            **{"contract_id": key, "account_id": account, "days_to_renewal": days},
            **{"warnings": warnings, "is_payment_failing": warnings > 0},
        )
    assert [(row[0], row[4]) for row in rows_of(warehouse, RENEWALS)] == [
        ("c", "payment failing, quiet"),
        ("Acme", "quiet"),
    ]


def test_leakage_is_what_is_missing_largest_first(warehouse):
    for key, kind, amount in (
        ("f1", "won_not_billed", 5),
        ("f2", "failed_payment_not_recovered", 50),
        ("f3", "within_tolerance", 500),
        ("f4", "billed_more_than_contracted", -500),
    ):
        put(warehouse, "revenue_leakage", finding_id=key, type=kind, amount=amount, party_id="p")
    assert [(row[1], row[5]) for row in rows_of(warehouse, LEAKAGE)] == [
        ("failed payment not recovered", "$50.00"),
        ("won not billed", "$5.00"),
    ]


def test_the_bridge_counts_an_opening_once_per_customer(warehouse):
    month = {"period_start_on": "2026-05-01", "customer_id": "c"}
    levels = {"opening_mrr": 100, "closing_mrr": 115}
    put(warehouse, "mrr_movements", **month, **levels, movement="expansion", amount=20)
    put(warehouse, "mrr_movements", **month, **levels, movement="fx", amount=-5)
    [row] = rows_of(warehouse, BRIDGE)
    assert row == [
        *("May 2026", "$100.00", "$0.00", "$20.00", "$0.00"),
        *("$0.00", "$0.00", "-$5.00", "$115.00"),
    ]


def test_coverage_is_by_team_the_least_first(warehouse):
    for team, value in (('{"team":"A"}', 3), ('{"team":"B"}', 1), ("{}", 2)):
        put(
            warehouse,
            "metric_values",
            **{"metric": "pipeline_coverage_now", "grain": "quarter", "dimensions": team},
            **{"period_start_on": "2026-04-01", "value": value, "numerator": 6},
            denominator=6 / value,
        )
    assert [(row[0], row[3]) for row in rows_of(warehouse, COVERAGE)] == [
        ("B", "1.0x"),
        ("A", "3.0x"),
    ]


def test_only_web_addresses_become_links(whole):
    listed = Worklist(
        *("sales", "t", "a", "win_rate", (Column("x"),)),
        "SELECT 'r', unnest(['https://crm.example/1', 'javascript:alert(1)', NULL])",
    )
    [found] = filled(whole.connection, [listed], "USD")
    assert [row.url for row in found.rows] == ["https://crm.example/1", "", ""]
    assert web_address(7) == ""
