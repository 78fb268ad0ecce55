"""Building a metric: all of its new rows or the old ones, and nothing left lying about."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest
from metric_warehouse import METRICS, Warehouse

from revops_pipelines.engine.metrics.build import build_metric
from revops_pipelines.engine.metrics.declaration import Fragment, Ratio, Series


def fill(warehouse: Warehouse) -> None:
    warehouse.put("leads", {"lead_id": "l1", "raised_at": "2026-05-04 09:00"})


def contents(warehouse: Warehouse) -> list[list[tuple[object, ...]]]:
    tables = ("metrics.metric_values", "metrics.speed_to_lead")
    return [warehouse.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables]


def temporary(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.rows("SELECT table_name FROM duckdb_tables() WHERE temporary")


def test_a_failure_in_the_last_series_leaves_values_and_detail_as_they_were(
    warehouse: Warehouse,
) -> None:
    metric = METRICS["speed_to_lead"]
    fill(warehouse)
    build_metric(warehouse.connection, metric)
    before = contents(warehouse)
    assert all(before)
    warehouse.put("leads", {"lead_id": "l2", "raised_at": "2026-05-05 09:00"})
    last = replace(metric.series[-1], facts="SELECT no_such_column FROM metrics.speed_to_lead")
    with pytest.raises(duckdb.Error, match="no_such_column"):
        build_metric(warehouse.connection, replace(metric, series=(*metric.series[:-1], last)))
    assert contents(warehouse) == before
    assert temporary(warehouse) == []


def test_series_read_the_detail_of_this_build_and_nothing_is_left(warehouse: Warehouse) -> None:
    metric = METRICS["speed_to_lead"]
    build_metric(warehouse.connection, metric)
    fill(warehouse)
    built = build_metric(warehouse.connection, metric)
    assert built.detail_rows == 1
    assert warehouse.values("speed_to_lead", columns="n") != {}
    assert temporary(warehouse) == []


def drawn(warehouse: Warehouse, *fragments: Fragment) -> list[object]:
    """What two series have that both read the last fragment, a number drawn where it is computed.

    The same number twice: it was written down. Two numbers: it was computed in each statement.
    """
    series = [
        Series(
            metric=name,
            title=name,
            unit="count",
            facts=f"SELECT DATE '2026-05-04' AS fact_on, NULL AS excluded, r "
            f"FROM {fragments[-1].name}",
            fragments=fragments,
            rollup=Ratio(numerator="SUM(r)"),
            grains=("month",),
        )
        for name in ("lead_segment", "lead_segment_leads")
    ]
    build_metric(warehouse.connection, replace(METRICS["lead_segment"], series=tuple(series)))
    assert temporary(warehouse) == []
    found = warehouse.rows("SELECT value FROM metrics.metric_values ORDER BY metric")
    assert len(found) == 2
    return [value for (value,) in found]


DRAWN = Fragment("drawn", "SELECT CAST(1e9 * random() AS BIGINT) AS r")


def test_what_two_statements_name_is_computed_once(warehouse: Warehouse) -> None:
    one, other = drawn(warehouse, DRAWN)
    assert one == other


def test_what_costs_more_to_write_than_to_compute_is_not_written(warehouse: Warehouse) -> None:
    one, other = drawn(warehouse, replace(DRAWN, written_from=3))
    assert one != other


def test_what_a_written_fragment_builds_on_is_written_too(warehouse: Warehouse) -> None:
    cheap = replace(DRAWN, written_from=3)
    one, other = drawn(warehouse, cheap, Fragment("doubled", "SELECT 2 * r AS r FROM drawn"))
    assert one == other
