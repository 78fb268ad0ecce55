"""The alert tables of the warehouse, and how states and events go in and out of them.

Belongs here: `ops.alert_states`, `ops.alert_events`, `ops.alert_evaluations`, and the columns of
what alerting keeps about itself (`judgings`, `outbox_facts`). Does not: the outbox, which lives in
a database of its own so that nothing waits for the warehouse's writer.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from revops_pipelines.engine.alerts.lifecycle import (
    Doubt,
    Handling,
    State,
    Status,
    Verb,
    standing,
)
from revops_pipelines.engine.alerts.rule_settings import ensure_rule_settings

# Times are UTC. `since_at` is when the status began, `fired_at` when the episode began, `seen_at`
# the last evaluation that changed or confirmed the state, `is_shadow` that the episode is on record
# only: it began while the rule was shadowed, and nobody was told. `handling` is `ack` or `snooze`
# while somebody minds the episode, `doubt` why it could not be judged last time, `standing` the
# one word for all of it (`lifecycle.Standing`).
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
    "told_at": "TIMESTAMP",
    "handling": "VARCHAR",
    "handled_by": "VARCHAR",
    "handled_at": "TIMESTAMP",
    "handled_until": "TIMESTAMP",
    "quiet_until": "TIMESTAMP",
    "doubt": "VARCHAR",
    "standing": "VARCHAR",
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
# One row per rule: its last evaluation. `problem` is empty, or why it could not be judged, `doubt`
# then `no_data` or `error`.
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
    "doubt": "VARCHAR",
}
# From when to when a rule was judged without a gap that matters; `until_at` is when it was taken
# away.
_JUDGINGS = {
    "rule": "VARCHAR",
    "first_at": "TIMESTAMP",
    "last_at": "TIMESTAMP",
    "until_at": "TIMESTAMP",
}
# How delivery stood: a row holds from `seen_at` until `until_at`, that of now has none.
_OUTBOX_FACTS = {
    "channel": "VARCHAR",
    "waiting": "BIGINT",
    "oldest_due_at": "TIMESTAMP",
    "dead_lately": "BIGINT",
    "last_sent_at": "TIMESTAMP",
    "last_error": "VARCHAR",
    "seen_at": "TIMESTAMP",
    "until_at": "TIMESTAMP",
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
    ensure_tables(
        connection,
        {
            "alert_states": _STATES,
            "alert_events": _EVENTS,
            "alert_evaluations": _EVALUATIONS,
            "rule_judgings": _JUDGINGS,
            "outbox_facts": _OUTBOX_FACTS,
        },
    )


def ensure_tables(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Mapping[str, str]]
) -> None:
    """Create tables of `ops` where they are missing, and columns that earlier versions lacked."""
    present: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE schema_name = 'ops' AND database_name = current_database()"
    ).fetchall():
        present.setdefault(table, set()).add(column)
    for table, columns in tables.items():
        if table not in present:
            listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            connection.execute("CREATE SCHEMA IF NOT EXISTS ops")
            connection.execute(f"CREATE TABLE ops.{table} ({listed})")
            continue
        for name in [name for name in columns if name not in present[table]]:
            connection.execute(f"ALTER TABLE ops.{table} ADD COLUMN {name} {columns[name]}")


def load_states(
    connection: duckdb.DuckDBPyConnection, rule: str, keys: Collection[str]
) -> dict[str, Kept]:
    """The rule's alerts that are not ok, and those of `keys`, by key."""
    cursor = connection.execute(
        "SELECT * FROM ops.alert_states WHERE rule = $rule AND (status <> 'ok' "
        "OR alert_key IN (SELECT unnest(from_json($keys, '[\"VARCHAR\"]'))))",
        {"rule": rule, "keys": json.dumps(sorted(keys))},
    )
    names = [column[0] for column in cursor.description or ()]
    rows = (dict(zip(names, row, strict=True)) for row in cursor.fetchall())
    return {row["alert_key"]: _kept(row) for row in rows}


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


def as_row(state: State, now: datetime) -> dict[str, Any]:
    """The columns of `ops.alert_states` that hold the state."""
    handling = state.handling
    return {
        "status": str(state.status),
        "episode": state.episode,
        "severity": state.severity,
        "since_at": state.since,
        "fired_at": state.fired_at,
        "told_at": state.told_at,
        "handling": str(handling.verb) if handling else None,
        "handled_by": handling.by if handling else None,
        "handled_at": handling.at if handling else None,
        "handled_until": handling.until if handling else None,
        "quiet_until": state.quiet_until,
        "doubt": str(state.doubt),
        "standing": str(standing(state, now)),
    }


def _kept(row: Mapping[str, Any]) -> Kept:
    handling = None
    if row["handling"]:
        at = row["handled_at"].replace(tzinfo=UTC)
        until = aware(row["handled_until"])
        handling = Handling(Verb(row["handling"]), row["handled_by"], at, until)
    state = State(
        Status(row["status"]),
        row["episode"],
        row["severity"],
        aware(row["since_at"]),
        aware(row["fired_at"]),
        aware(row["told_at"]),
        handling,
        aware(row["quiet_until"]),
        Doubt(row["doubt"] or ""),
    )
    told = json.loads(row["notice"]) if row["notice"] else None
    return Kept(row["alert_key"], state, bool(row["is_backlog"]), told, bool(row["is_shadow"]))


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
