"""The record in the warehouse of what people were told, and of what they did about it.

Belongs here: `ops.alert_actions`, `ops.alert_silences` and `ops.alert_messages`, copied from the
outbox by each run, and the actions as the next evaluation applies them. Does not: doing them
(`actions`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import sqlalchemy as sa

from revops_pipelines.engine.alerts.lifecycle import Act, Verb
from revops_pipelines.engine.alerts.outbox import ACTIONS, EVENTS, MESSAGES, SILENCES, Outbox
from revops_pipelines.engine.alerts.tables import ensure_tables

# Times are UTC; `alert_key` may be what keys begin with in a silence.
ACTION_COLUMNS = {
    "action_id": "VARCHAR",
    "verb": "VARCHAR",
    "rule": "VARCHAR",
    "alert_key": "VARCHAR",
    "episode": "INTEGER",
    "asked_by": "VARCHAR",
    "via": "VARCHAR",
    "reason": "VARCHAR",
    "asked_at": "TIMESTAMP",
    "until_at": "TIMESTAMP",
}
SILENCE_COLUMNS = {
    "silence_id": "VARCHAR",
    "rule": "VARCHAR",
    "key_prefix": "VARCHAR",
    "is_exact": "BOOLEAN",
    "starts_at": "TIMESTAMP",
    "ends_at": "TIMESTAMP",
    "reason": "VARCHAR",
    "asked_by": "VARCHAR",
}
# One row per event and channel: whether it was told there, when, to whom; `reason` says why not.
MESSAGE_COLUMNS = {
    "message_id": "VARCHAR",
    "event_id": "VARCHAR",
    "rule": "VARCHAR",
    "alert_key": "VARCHAR",
    "episode": "INTEGER",
    "kind": "VARCHAR",
    "severity": "VARCHAR",
    "channel": "VARCHAR",
    "receiver": "VARCHAR",
    "state": "VARCHAR",
    "reason": "VARCHAR",
    "occurred_at": "TIMESTAMP",
    "sent_at": "TIMESTAMP",
}
_TABLES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "alert_actions": ("action_id", ACTION_COLUMNS),
    "alert_silences": ("silence_id", SILENCE_COLUMNS),
    "alert_messages": ("message_id", MESSAGE_COLUMNS),
}
# What was told longer ago does not change any more, and was copied when it did.
_HORIZON = timedelta(days=3)
_STATEFUL = (str(Verb.ACK), str(Verb.SNOOZE), str(Verb.RESOLVE))


def ensure_record(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables where they are missing."""
    ensure_tables(connection, {table: columns for table, (_key, columns) in _TABLES.items()})


def record_actions(outbox: Outbox, connection: duckdb.DuckDBPyConnection) -> int:
    """Copy actions and silences into the warehouse, replacing by id; returns the actions."""
    ensure_record(connection)
    with outbox.transaction() as reading:
        actions = list(_rows(reading, sa.select(ACTIONS), ACTION_COLUMNS))
        silences = list(_rows(reading, sa.select(SILENCES), SILENCE_COLUMNS))
    _replace(connection, "alert_actions", actions)
    _replace(connection, "alert_silences", silences)
    return len(actions)


def record_messages(outbox: Outbox, connection: duckdb.DuckDBPyConnection, now: datetime) -> int:
    """Copy what became of the messages of the last days, and of all that still wait."""
    ensure_record(connection)
    digest = MESSAGES.alias("digest")
    since = now - _HORIZON
    query = (
        sa.select(
            MESSAGES.c.message_id,
            MESSAGES.c.event_id,
            EVENTS.c.rule,
            EVENTS.c.alert_key,
            EVENTS.c.episode,
            EVENTS.c.kind,
            EVENTS.c.severity,
            MESSAGES.c.channel,
            EVENTS.c.notice,
            sa.func.coalesce(digest.c.state, MESSAGES.c.state).label("state"),
            MESSAGES.c.reason,
            EVENTS.c.occurred_at,
            sa.func.coalesce(MESSAGES.c.sent_at, digest.c.sent_at).label("sent_at"),
        )
        .join(EVENTS, EVENTS.c.event_id == MESSAGES.c.event_id)
        .outerjoin(digest, digest.c.message_id == MESSAGES.c.digest_id)
        .where(
            sa.or_(
                MESSAGES.c.created_at >= since,
                MESSAGES.c.sent_at >= since,
                digest.c.sent_at >= since,
                MESSAGES.c.state == "waiting",
            )
        )
    )
    with outbox.transaction() as reading:
        rows = list(_rows(reading, query, MESSAGE_COLUMNS))
    _replace(connection, "alert_messages", rows)
    return len(rows)


def load_acts(
    connection: duckdb.DuckDBPyConnection, rule: str
) -> dict[str, list[tuple[str, str, Act]]]:
    """By alert key: (action id, what was said, action), in the order in which they were asked."""
    ensure_record(connection)
    found: dict[str, list[tuple[str, str, Act]]] = {}
    for action_id, verb, key, episode, by, reason, at, until in connection.execute(
        "SELECT action_id, verb, alert_key, episode, asked_by, reason, asked_at, until_at "
        "FROM ops.alert_actions WHERE rule = ? AND list_contains(?, verb) "
        "ORDER BY asked_at, action_id",
        [rule, list(_STATEFUL)],
    ).fetchall():
        said = f"by {by}" + (f": {reason}" if reason else "")
        ends = until.replace(tzinfo=UTC) if until else None
        act = Act(Verb(verb), episode, by, at.replace(tzinfo=UTC), ends)
        found.setdefault(key, []).append((action_id, said, act))
    return found


def _rows(
    reading: sa.Connection, query: sa.Select[Any], columns: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    for row in reading.execute(query).mappings():
        known = dict(row)
        if "notice" in known:
            receiver = known.pop("notice").get("receiver") or {}
            known["receiver"] = receiver.get("email") or receiver.get("name")
        yield {name: _plain(known[name]) for name in columns}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    return value


def _replace(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Replace the rows of the same key; those that the outbox has forgotten stay."""
    if not rows:
        return
    key, columns = _TABLES[table]
    names = ", ".join(columns)
    values = ", ".join(f"row.{name}" for name in columns)
    source = (
        f"(SELECT {values} FROM (SELECT unnest(from_json(?, '{json.dumps([dict(columns)])}')) "
        "AS row))"
    )
    listed = json.dumps(rows)
    connection.execute(
        f"DELETE FROM ops.{table} AS kept USING {source} AS new WHERE kept.{key} = new.{key}",
        [listed],
    )
    connection.execute(f"INSERT INTO ops.{table} ({names}) SELECT * FROM {source}", [listed])
