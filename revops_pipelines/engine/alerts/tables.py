"""The alert tables of the warehouse, and how states and events go in and out of them.

Belongs here: `ops.alert_states`, `ops.alert_events`, `ops.alert_evaluations`. Does not: the outbox,
which lives in a database of its own so that nothing waits for the warehouse's writer.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from revops_pipelines.engine.alerts.declaration import Severity
from revops_pipelines.engine.alerts.lifecycle import State, Status
from revops_pipelines.engine.alerts.outbox_facts import ensure_outbox_facts
from revops_pipelines.engine.alerts.rule_settings import ensure_rule_settings

# Times are UTC. `since_at` is when the status began, `fired_at` when the episode began, `seen_at`
# the last evaluation that changed or confirmed the state, `is_shadow` that the episode is on record
# only: it began while the rule was shadowed, and nobody was told.
_STATES = {
    "rule": "VARCHAR",
    "alert_key": "VARCHAR",
    "status": "VARCHAR",
    "episode": "INTEGER",
    "severity": "VARCHAR",
    "since_at": "TIMESTAMP",
    "fired_at": "TIMESTAMP",
    "is_backlog": "BOOLEAN",
    "notice": "JSON",
    "seen_at": "TIMESTAMP",
    "run_id": "VARCHAR",
    "is_shadow": "BOOLEAN",
}
# `event_seq` is the order of commitment: the clock may jump, the sequence does not.
_EVENTS = {
    "event_id": "VARCHAR",
    "event_seq": "BIGINT",
    "rule": "VARCHAR",
    "rule_title": "VARCHAR",
    "alert_key": "VARCHAR",
    "episode": "INTEGER",
    "kind": "VARCHAR",
    "severity": "VARCHAR",
    "is_backlog": "BOOLEAN",
    "notice": "JSON",
    "occurred_at": "TIMESTAMP",
    "run_id": "VARCHAR",
    "is_shadow": "BOOLEAN",
}
# One row per rule: its last evaluation. `problem` is empty, or why it could not be judged.
_EVALUATIONS = {
    "rule": "VARCHAR",
    "evaluated_at": "TIMESTAMP",
    "run_id": "VARCHAR",
    "evaluated": "INTEGER",
    "unevaluated": "INTEGER",
    "fired": "INTEGER",
    "resolved": "INTEGER",
    "still_firing": "INTEGER",
    "problem": "VARCHAR",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored alert: its state, and what was last said of it."""

    key: str
    state: State
    is_backlog: bool
    notice: Mapping[str, Any] | None
    is_shadow: bool = False


def ensure_alert_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the alert tables where they are missing."""
    ensure_rule_settings(connection)
    ensure_outbox_facts(connection)
    tables = {
        "alert_states": _STATES,
        "alert_events": _EVENTS,
        "alert_evaluations": _EVALUATIONS,
    }
    for table, columns in tables.items():
        listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"CREATE TABLE IF NOT EXISTS ops.{table} ({listed})")
        for name, kind in columns.items():
            # A warehouse of an earlier version has the table without its newer columns.
            connection.execute(f"ALTER TABLE ops.{table} ADD COLUMN IF NOT EXISTS {name} {kind}")


def load_states(
    connection: duckdb.DuckDBPyConnection, rule: str, keys: Collection[str]
) -> dict[str, Kept]:
    """The rule's alerts that are not ok, and those of `keys`, by key."""
    rows = connection.execute(
        "SELECT alert_key, status, episode, severity, since_at, fired_at, is_backlog, notice, "
        "is_shadow FROM ops.alert_states WHERE rule = $rule AND (status <> 'ok' "
        "OR alert_key IN (SELECT unnest(from_json($keys, '[\"VARCHAR\"]'))))",
        {"rule": rule, "keys": json.dumps(sorted(keys))},
    ).fetchall()
    return {row[0]: _kept(*row) for row in rows}


def store_states(connection: duckdb.DuckDBPyConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace the states of the rows' (rule, alert_key)."""
    listed = _as_json(rows)
    connection.execute(
        "DELETE FROM ops.alert_states AS kept USING "
        f"({_SELECT_KEYS}) AS new WHERE kept.rule = new.rule AND kept.alert_key = new.alert_key",
        [listed],
    )
    connection.execute(_insert("alert_states", _STATES), [listed])


def store_events(connection: duckdb.DuckDBPyConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append events, numbered in their order."""
    [[last]] = connection.execute(
        "SELECT coalesce(max(event_seq), 0) FROM ops.alert_events"
    ).fetchall()
    numbered = [{**row, "event_seq": last + place} for place, row in enumerate(rows, start=1)]
    connection.execute(_insert("alert_events", _EVENTS), [_as_json(numbered)])


def store_evaluation(connection: duckdb.DuckDBPyConnection, row: Mapping[str, Any]) -> None:
    """Keep this evaluation as the rule's last."""
    connection.execute("DELETE FROM ops.alert_evaluations WHERE rule = ?", [row["rule"]])
    connection.execute(_insert("alert_evaluations", _EVALUATIONS), [_as_json([row])])


def naive(moment: datetime | None) -> datetime | None:
    """An aware instant as the warehouse stores it: UTC without a zone."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)


def aware(moment: datetime | None) -> datetime | None:
    """A stored instant with its zone."""
    return None if moment is None else moment.replace(tzinfo=UTC)


def _kept(
    key: str,
    status: str,
    episode: int,
    severity: Severity | None,
    since_at: datetime | None,
    fired_at: datetime | None,
    is_backlog: bool | None,
    notice: str | None,
    is_shadow: bool | None,
) -> Kept:
    state = State(Status(status), episode, severity, aware(since_at), aware(fired_at))
    told = json.loads(notice) if notice else None
    return Kept(key, state, bool(is_backlog), told, bool(is_shadow))


def _structure(columns: Mapping[str, str]) -> str:
    # JSON travels as text inside the JSON document, and is cast on the way in.
    fields = {name: "VARCHAR" if kind == "JSON" else kind for name, kind in columns.items()}
    return json.dumps([fields])


def _insert(table: str, columns: Mapping[str, str]) -> str:
    """INSERT of many rows handed over as one JSON text: one statement, one parse, no row loop."""
    names = ", ".join(columns)
    values = ", ".join(f"row.{name}" for name in columns)
    return (
        f"INSERT INTO ops.{table} ({names}) SELECT {values} FROM "
        f"(SELECT unnest(from_json(?, '{_structure(columns)}')) AS row)"
    )


_SELECT_KEYS = (
    "SELECT row.rule AS rule, row.alert_key AS alert_key FROM "
    '(SELECT unnest(from_json(?, \'[{"rule": "VARCHAR", "alert_key": "VARCHAR"}]\')) AS row)'
)


def _as_json(rows: Iterable[Mapping[str, Any]]) -> str:
    return json.dumps([{name: _plain(value) for name, value in row.items()} for row in rows])


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        moment = naive(value) if value.tzinfo else value
        return moment.isoformat(sep=" ") if moment else None
    if isinstance(value, Mapping):
        return json.dumps(value)
    return value
