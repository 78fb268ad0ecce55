"""The sums that sources declare: they hold in the sandbox, and a cent that is moved is told."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pytest
from vendor_night import SOURCES, Quiet

from revops_pipelines.engine.declarations import Sum
from revops_pipelines.engine.ingest.sums import compare_sums

SUMS = {
    f"{name}-{each.name}": (name, each)
    for name, source in SOURCES.items()
    for each in source.sums(source.options.model_construct())
}
# What a record states, by the column that a sum reads it from.
STATED = {
    "invoice_lines": "total",
    "credit_note_lines": "total",
    "invoice_payments": "amount_paid",
    "charge_refunds": "amount_refunded",
    "charge_balance": "amount",
    "opportunity_products": "amount",
}


@pytest.mark.parametrize("place", SUMS)
def test_a_sum_holds_until_a_cent_is_moved(place: str, quiet: Callable[[str], Quiet]) -> None:
    name, each = SUMS[place]
    with duckdb.connect() as warehouse:
        warehouse.execute(f"ATTACH '{quiet(name).start.file}' AS kept (READ_ONLY)")
        warehouse.execute("CREATE SCHEMA raw")
        for stream in each.streams:
            table = f"raw.{name}__{stream}"
            warehouse.execute(f"CREATE TABLE {table} AS FROM kept.{table}")
        (before,) = compare_sums(warehouse, name, [each], each.streams)
        assert before.compared > 0
        assert before.different == 0
        key = _moved(warehouse, name, each)
        (after,) = compare_sums(warehouse, name, [each], each.streams)
        assert [found.id for found in after.shown] == [key]
        assert after.different == 1


def _moved(warehouse: duckdb.DuckDBPyConnection, name: str, each: Sum) -> str:
    """Move what one record states by the least that there is; returns its identifier."""
    row = warehouse.execute(
        f"SELECT max(id) FROM ({each.sql.replace('@source', name)}) WHERE actual IS NOT NULL"
    ).fetchone()
    assert row is not None
    key = str(row[0])
    column = STATED[each.name]
    table = f"raw.{name}__{each.stream}"
    kind = warehouse.execute(f"SELECT typeof({column}) FROM {table} LIMIT 1").fetchone()
    least = "1" if kind == ("BIGINT",) else "0.01"
    warehouse.execute(
        f"UPDATE {table} SET {column} = {column}::DECIMAL(18,2) + {least} WHERE id = ?", [key]
    )
    return key
