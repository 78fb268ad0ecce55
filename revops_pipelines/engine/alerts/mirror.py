"""Copies committed events from the warehouse into the outbox, idempotent by event id.

Belongs here: the copy. Does not: judging, or sending. Runs copy from the live warehouse that they
hold; the relay copies from the published snapshot what a killed run left behind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import duckdb
import sqlalchemy as sa

from revops_pipelines.engine.alerts.outbox import EVENTS, Outbox
from revops_pipelines.engine.alerts.tables import aware

# Older events were copied long ago, and may have been pruned from the outbox since.
HORIZON = timedelta(days=30)
_CHUNK = 500
_COPIED = (
    "event_id",
    "rule",
    "rule_title",
    "alert_key",
    "episode",
    "kind",
    "severity",
    "is_backlog",
    "notice",
    "occurred_at",
)


def mirror_events(
    source: duckdb.DuckDBPyConnection | Iterable[Mapping[str, Any]], outbox: Outbox
) -> int:
    """Copy the events that the outbox does not hold yet, in the order of commitment.

    `source` is a connection to the warehouse or its snapshot (a file without the table has no
    events), or the events themselves as rows of `ops.alert_events`, oldest first. Returns how many
    were new. All are copied in one transaction: a storm is seen whole or not at all.
    """
    if isinstance(source, duckdb.DuckDBPyConnection):
        ids = _committed_ids(source)
        rows: Mapping[str, Mapping[str, Any]] = {}
    else:
        rows = {row["event_id"]: row for row in source}
        ids = list(rows)
    if not ids:
        return 0
    with outbox.turn() as connection:
        known = set(_known(connection, ids))
        new = [event_id for event_id in ids if event_id not in known]
        if new:
            if isinstance(source, duckdb.DuckDBPyConnection):
                rows = _committed(source, new)
            connection.execute(sa.insert(EVENTS), [_copied(rows[event_id]) for event_id in new])
    return len(new)


def _committed_ids(source: duckdb.DuckDBPyConnection) -> list[str]:
    columns = source.execute(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_catalog = current_database() "
        "AND table_schema = 'ops' AND table_name = 'alert_events'"
    ).fetchall()
    if not columns:
        return []
    # What a shadowed rule found is on record, and told to nobody.
    told = "AND is_shadow IS NOT TRUE " if ("is_shadow",) in columns else ""
    rows = source.execute(
        "SELECT event_id FROM ops.alert_events WHERE occurred_at >= "
        f"(SELECT max(occurred_at) FROM ops.alert_events) - INTERVAL {HORIZON.days} DAY "
        f"{told}ORDER BY event_seq"
    ).fetchall()
    return [row[0] for row in rows]


def _committed(
    source: duckdb.DuckDBPyConnection, event_ids: Sequence[str]
) -> dict[str, dict[str, Any]]:
    names = (*_COPIED, "run_id")
    rows = source.execute(
        f"SELECT {', '.join(names)} FROM ops.alert_events "
        "WHERE event_id IN (SELECT unnest(from_json(?, '[\"VARCHAR\"]')))",
        [json.dumps(event_ids)],
    ).fetchall()
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


def _known(connection: sa.Connection, event_ids: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(event_ids), _CHUNK):
        chunk = event_ids[start : start + _CHUNK]
        yield from connection.execute(
            sa.select(EVENTS.c.event_id).where(EVENTS.c.event_id.in_(chunk))
        ).scalars()


def _copied(row: Mapping[str, Any]) -> dict[str, Any]:
    copied = {name: row[name] for name in _COPIED} | {"run_id": row.get("run_id")}
    if isinstance(copied["notice"], str):
        copied["notice"] = json.loads(copied["notice"])
    if copied["occurred_at"].tzinfo is None:
        copied["occurred_at"] = aware(copied["occurred_at"])
    return copied | {"is_planned": False}
