"""A warehouse in memory for rule tests: conformed rows by hand, metrics by the real engine.

Holds no test.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

import revops_pipelines.assets.metrics
from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.contracts.contract import columns_of
from revops_pipelines.engine.alerts.declaration import Evaluation, Rule
from revops_pipelines.engine.alerts.evaluate import evaluate_rule
from revops_pipelines.engine.alerts.tables import ensure_alert_tables
from revops_pipelines.engine.metrics.build import build_metric
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.parameters import prepare
from revops_pipelines.engine.metrics.restate import COLUMNS as RESTATED
from revops_pipelines.engine.registry import discover
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.settings import Settings

# A Tuesday, noon in the default calendar (UTC, 09:00 to 17:00).
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)

_DEFAULTS: dict[str, dict[str, Any]] = {
    "leads": {"is_inbound": True, "created_at": "2026-01-01 00:00"},
    "activities": {
        "kind": "call",
        "direction": "outbound",
        "is_human": True,
        "is_two_way": False,
    },
    "users": {"is_active": True},
}


class RuleHouse:
    """Short words for what rule tests do."""

    def __init__(self, settings: Settings | None = None, path: Path | None = None) -> None:
        """A new warehouse, or the one that `template` left at `path`."""
        self.connection = duckdb.connect(str(path or ":memory:"))
        self.connection.execute("SET TimeZone = 'UTC'")
        self.settings = settings or Settings(home=Path("unused"))
        self.as_of = NOON
        if path is None:
            self._lay_out()

    def _lay_out(self) -> None:
        ensure_schema(self.connection)
        ensure_alert_tables(self.connection)
        for entity, columns in _tables().items():
            listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
            self.connection.execute(f"CREATE TABLE conformed.{entity} ({listed})")
        prepare(self.connection, self.settings, NOON)
        for metric in discover(revops_pipelines.assets.metrics, Metric).values():
            if metric.detail is not None:
                listed = ", ".join(f'"{each.name}" {each.type}' for each in metric.detail.columns)
                self.connection.execute(f'CREATE TABLE metrics."{metric.detail.table}" ({listed})')

        listed = ", ".join(f"{name} {kind}" for name, (kind, _) in RESTATED.items())
        self.connection.execute(f"CREATE TABLE metrics.restatements ({listed})")

    def close(self) -> None:
        self.connection.close()

    def put(self, entity: str, **row: Any) -> None:
        full = {"source": "crm", "source_id": "1", "_updated_at": "2026-01-01 00:00"}
        full |= _DEFAULTS.get(entity, {}) | row
        self._insert(f"conformed.{entity}", full)

    def loaded(self, at: str, source: str = "crm") -> None:
        """Note that the source was loaded then."""
        row = {"load_id": at, "source": source, "stream": "leads", "run_id": "r", "loaded_at": at}
        self._insert("ops.loads", row | {"rows_read": 0, "rows_changed": 0, "rows_deleted": 0})

    def value(self, metric: str, month: str, **row: Any) -> None:
        """One monthly metric value, mature unless said otherwise."""
        full = {
            "metric": metric,
            "grain": "month",
            "period_start_on": f"{month}-01",
            "period_end_on": f"{month}-28",
            "dimensions": "{}",
            "n": 400,
            "is_mature": True,
            "computed_at": "2026-06-30 12:00",
        }
        self._insert("metrics.metric_values", full | row)

    def evaluate(self, rule: Rule, at: datetime = NOON, **options: Any) -> Evaluation:
        """Judge the rule as a run at that time would, on metrics as of then."""
        if at != self.as_of:
            prepare(self.connection, self.settings, at)
            self.as_of = at
        if "metrics.speed_to_lead" in rule.inputs:
            metrics = discover(revops_pipelines.assets.metrics, Metric)
            build_metric(self.connection, metrics["speed_to_lead"])
        return evaluate_rule(self.connection, rule, rule.options(**options), at, "run")

    def told(self) -> list[tuple[str, str]]:
        """(key, kind) of all events, in order."""
        return self.rows("SELECT alert_key, kind FROM ops.alert_events ORDER BY event_seq")

    def notice(self, key: str, kind: str = "fired") -> Mapping[str, Any]:
        """The notice of the last such event."""
        rows = self.connection.execute(
            "SELECT notice FROM ops.alert_events WHERE alert_key = ? AND kind = ? "
            "ORDER BY event_seq DESC LIMIT 1",
            [key, kind],
        ).fetchall()
        found: Mapping[str, Any] = json.loads(rows[0][0])
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def _insert(self, table: str, row: Mapping[str, Any]) -> None:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        self.connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values())
        )


def template(path: Path) -> None:
    """Lay a warehouse with default settings out at `path`, to be copied by each test."""
    house = RuleHouse()
    house.connection.execute(f"ATTACH '{path}' AS kept")
    house.connection.execute("COPY FROM DATABASE memory TO kept")
    house.close()


@cache
def _tables() -> dict[str, dict[str, str]]:
    return {entity: columns_of(contract) for entity, contract in CONTRACTS.items()}
