"""Amounts that must be the sum of others: what differs by a cent is told, by its identifier."""

from __future__ import annotations

from decimal import Decimal

import dagster as dg
import duckdb
import pytest

from revops_pipelines.assets.raw_checks import reconciliation_check
from revops_pipelines.engine.declarations import Sum
from revops_pipelines.engine.ingest.reconcile import Reconciled
from revops_pipelines.engine.ingest.sums import Difference, compare_sums

SQL = """
    SELECT b.id, 'EUR' AS currency, b.total AS expected, sum(l.amount)::DECIMAL(18,2) AS actual
    FROM raw.@source__bills b LEFT JOIN raw.@source__lines l ON l.bill = b.id GROUP BY ALL"""
LINES = Sum("lines", "A bill is the sum of its lines.", ("bills", "lines"), SQL)
KEY = dg.AssetKey(["raw", "eu", "bills"])


@pytest.fixture
def shop() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA raw")
    connection.execute("CREATE TABLE raw.eu__bills (id VARCHAR, total DECIMAL(18,2))")
    connection.execute("CREATE TABLE raw.eu__lines (bill VARCHAR, amount DECIMAL(18,2))")
    connection.execute("INSERT INTO raw.eu__lines VALUES ('a', 0.10), ('a', 0.20), ('b', 5)")
    return connection


def test_equal_sums_pass(shop: duckdb.DuckDBPyConnection) -> None:
    shop.execute("INSERT INTO raw.eu__bills VALUES ('a', 0.30), ('b', 5.00)")
    (found,) = compare_sums(shop, "eu", [LINES], ["bills", "lines"])
    assert (found.compared, found.different, found.shown) == (2, 0, ())
    check = reconciliation_check(KEY, Reconciled(2, 2), [found])
    assert check.passed
    assert check.description == ("2 records landed, the system counts 2; lines: 0 of 2 differ")


def test_a_cent_is_told_with_its_identifier_and_warns(shop: duckdb.DuckDBPyConnection) -> None:
    # A bill without lines states no sum that could be compared.
    shop.execute("INSERT INTO raw.eu__bills VALUES ('a', 0.30), ('b', 5.01), ('c', 1)")
    (found,) = compare_sums(shop, "eu", [LINES], ["bills", "lines"])
    assert (found.compared, found.different) == (2, 1)
    assert found.shown == (Difference("b", "EUR", Decimal("5.01"), Decimal("5.00")),)
    check = reconciliation_check(KEY, Reconciled(None, 0), [found])
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    table = check.metadata["lines"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data for record in table.records] == [
        {"id": "b", "currency": "EUR", "stated": "5.01", "sum": "5.00"}
    ]


def test_a_count_that_is_short_stays_an_error(shop: duckdb.DuckDBPyConnection) -> None:
    (found,) = compare_sums(shop, "eu", [LINES], ["bills", "lines"])
    check = reconciliation_check(KEY, Reconciled(100, 50), [found])
    assert (found.compared, check.severity) == (0, dg.AssetCheckSeverity.ERROR)


def test_yesterdays_lines_are_not_compared_with_todays_bills(
    shop: duckdb.DuckDBPyConnection,
) -> None:
    assert compare_sums(shop, "eu", [LINES], ["bills"]) == []
