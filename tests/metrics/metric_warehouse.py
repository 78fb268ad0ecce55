"""A small warehouse: the conformed schema in memory, rows put in by hand, metrics built.

Belongs here: what metric tests share. Does not: any case.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

import revops_pipelines.assets.metrics
from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.contracts.contract import columns_of
from revops_pipelines.engine.metrics.build import Built, build_metric
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.parameters import prepare
from revops_pipelines.engine.metrics.tables import ensure_metric_tables
from revops_pipelines.engine.registry import discover
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.settings import Settings

METRICS: dict[str, Metric] = discover(revops_pipelines.assets.metrics, Metric)
AS_OF = datetime(2026, 6, 30, 12, tzinfo=UTC)

# What a row has where a test does not say: enough to satisfy the contract, nothing that matters.
DEFAULTS: dict[str, dict[str, Any]] = {
    "leads": {"is_inbound": True, "created_at": "raised_at"},
    "activities": {
        "kind": "call",
        "direction": "outbound",
        "is_human": True,
        "is_two_way": False,
    },
    "opportunities": {
        "kind": "new",
        "pipeline": "sales",
        "stage": "s1",
        "currency": "USD",
        "is_closed": False,
        "is_won": False,
    },
    "opportunity_stage_history": {
        "pipeline": "sales",
        "is_qualified": True,
        "is_closed": False,
        "is_won": False,
    },
    "opportunity_contacts": {"is_primary": True},
    "users": {"is_active": True},
    "subscription_periods": {
        "status": "active",
        "currency": "USD",
        "product": "plan",
        "quantity": 1,
    },
    "subscriptions": {"currency": "USD", "status": "canceled", "started_on": "2020-01-01"},
    "fx_rates": {"base_currency": "USD"},
}


def in_order() -> list[str]:
    """Metrics after those whose tables they read."""
    names: list[str] = []
    waiting = dict(METRICS)
    while waiting:
        ready = [
            name
            for name, metric in waiting.items()
            if not {f"metrics.{other}" for other in waiting if other != name} & set(metric.inputs)
        ]
        assert ready, f"metrics that wait for each other: {sorted(waiting)}"
        names += ready
        waiting = {name: metric for name, metric in waiting.items() if name not in ready}
    return names


def at(text: str) -> datetime:
    """A naive UTC instant from `2026-01-05 10:00`."""
    return datetime.fromisoformat(text)


def on(text: str) -> date:
    """A day from `2026-01-05`."""
    return date.fromisoformat(text)


class Warehouse:
    """A warehouse in memory, with short words for what tests do."""

    def __init__(self, settings: Settings | None = None, as_of: datetime = AS_OF) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        self.settings = settings or Settings(home=Path("unused"))
        self.as_of = as_of
        ensure_schema(self.connection)
        for entity, columns in _tables().items():
            listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
            self.connection.execute(f"CREATE TABLE conformed.{entity} ({listed})")
        prepare(self.connection, self.settings, as_of)

    def emptied(self) -> Warehouse:
        """The same warehouse without rows and metrics: cheaper than another one."""
        for entity in _tables():
            self.connection.execute(f"DELETE FROM conformed.{entity}")
        for table in ("loads", "quarantine"):
            self.connection.execute(f"DELETE FROM ops.{table}")
        self.connection.execute("DROP SCHEMA metrics CASCADE")
        ensure_metric_tables(self.connection)
        return self

    def put(self, entity: str, *rows: Mapping[str, Any]) -> None:
        """Insert rows; columns left out take the defaults above."""
        full = [_completed(entity, row) for row in rows]
        names = sorted({name for row in full for name in row})
        for start in range(0, len(full), 200):
            some = full[start : start + 200]
            marks = ", ".join("(" + ", ".join("?" for _ in names) + ")" for _ in some)
            listed = ", ".join(f'"{name}"' for name in names)
            self.connection.execute(
                f"INSERT INTO conformed.{entity} ({listed}) VALUES {marks}",
                [row.get(name) for row in some for name in names],
            )

    def build(self, *names: str) -> Built:
        """Build metrics in order; what the last one did."""
        for name in names:
            built = build_metric(self.connection, METRICS[name])
        return built

    def put_table(self, entity: str, text: str) -> None:
        """Insert the rows of a table written as text: cells between bars, the first line names."""
        head, *lines = ([cell.strip() for cell in line.split("|")] for line in text.split("\n"))
        self.put(
            entity,
            *(
                {name: cell or None for name, cell in zip(head, line, strict=True)}
                for line in lines
            ),
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return self.connection.execute(sql).fetchall()

    def values(
        self,
        metric: str,
        grain: str = "month",
        dimensions: str = "{}",
        columns: str = "numerator, denominator, value, n",
    ) -> dict[date, tuple[Any, ...]]:
        """Period -> columns of one series, numbers without trailing zeros."""
        found = self.connection.execute(
            f"SELECT period_start_on, {columns} FROM metrics.metric_values "
            "WHERE metric = ? AND grain = ? AND CAST(dimensions AS VARCHAR) = ? "
            "ORDER BY period_start_on",
            [metric, grain, dimensions],
        ).fetchall()
        return {row[0]: tuple(plain(value) for value in row[1:]) for row in found}

    def value(self, metric: str, period: str, **more: str) -> Any:
        """The value of one series in one period."""
        return self.values(metric, columns="value", **more)[on(period)][0]


def plain(value: Any) -> Any:
    """Decimals that are whole become integers, others lose trailing zeros."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else value.normalize()


def _completed(entity: str, row: Mapping[str, Any]) -> dict[str, Any]:
    full = {"source": "test", "source_id": "1", "_updated_at": at("2026-01-01 00:00")}
    full |= DEFAULTS.get(entity, {}) | dict(row)
    if full.get("created_at") == "raised_at":
        full["created_at"] = full.get("raised_at") or full.get("qualified_at")
    return full


@cache
def _tables() -> dict[str, dict[str, str]]:
    return {entity: columns_of(contract) for entity, contract in CONTRACTS.items()}
