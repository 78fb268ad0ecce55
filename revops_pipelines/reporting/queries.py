"""What the report asks of the published snapshot beside the scorecard.

Belongs here: SQL and the small frozen rows it becomes. Does not: computing metrics; every number
shown is in a published table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from revops_pipelines.reporting.numbers import shown

# Answer times that people speak of, as (label, up to so many working minutes).
BUCKETS = (
    ("≤ 5 min", 5),
    ("≤ 15 min", 15),
    ("≤ 1 h", 60),
    ("≤ 4 h", 240),
    ("≤ 8 h", 480),
    ("later", None),
)
RESPONSE_DAYS = 90


@dataclass(frozen=True, slots=True)
class Bucket:
    """Leads by how they were answered; `kind` is answered, in_time, late (or open past it)."""

    name: str
    kind: str
    leads: int


@dataclass(frozen=True, slots=True)
class Movement:
    """MRR moved in a month, of one kind, in base currency."""

    on: date
    movement: str
    amount: float


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage of a pipeline: how many went on, how long they stayed."""

    pipeline: str
    stage: str
    entered: int
    advanced_share: float | None
    median_days: float | None


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An open alert, as it was told; `minded` says who acknowledged or snoozed it."""

    rule: str
    severity: str
    since: datetime
    notice: Mapping[str, Any]
    minded: str = ""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source and when it was last loaded."""

    source: str
    loaded_at: datetime
    rows: int
    streams: int


@dataclass(frozen=True, slots=True)
class QualityRow:
    """Rows in quarantine, by what they broke."""

    entity: str
    rule: str
    column: str
    rows: int


def response_buckets(connection: duckdb.DuckDBPyConnection) -> list[Bucket]:
    """Inbound leads of the last 90 days by answer time, the unanswered shown beside."""
    arms = " ".join(
        f"WHEN business_minutes <= {limit} THEN '{name}'" for name, limit in BUCKETS if limit
    )
    rows = connection.execute(
        f"""
        SELECT CASE WHEN state LIKE 'open%' THEN 'no answer' {arms} ELSE '{BUCKETS[-1][0]}' END,
               CASE state WHEN 'answered_in_time' THEN 'answered in time'
                          WHEN 'answered_late' THEN 'answered late'
                          WHEN 'open_in_time' THEN 'waiting, in time'
                          ELSE 'waiting, late' END,
               count(*)
        FROM metrics.speed_to_lead, ops.parameters
        WHERE state <> 'excluded' AND raised_at >= as_of_at - INTERVAL {RESPONSE_DAYS} DAY
        GROUP BY ALL
        """
    ).fetchall()
    return [Bucket(*row) for row in rows]


def mrr_movements(connection: duckdb.DuckDBPyConnection) -> list[Movement]:
    """MRR movements by month, none left out but the rows in which nothing moved."""
    rows = connection.execute(
        "SELECT period_start_on, movement, sum(amount) FROM metrics.mrr_movements "
        "WHERE movement <> 'none' GROUP BY ALL HAVING sum(amount) <> 0 ORDER BY 1, 2"
    ).fetchall()
    return [Movement(on, movement, float(amount)) for on, movement, amount in rows]


def opening_mrr(connection: duckdb.DuckDBPyConnection, month: date) -> float:
    """MRR at the opening of a month, in base currency."""
    row = connection.execute(
        "SELECT coalesce(sum(opening), 0) FROM (SELECT any_value(opening_mrr) AS opening "
        "FROM metrics.mrr_movements WHERE period_start_on = ? GROUP BY customer_id)",
        [month],
    ).fetchone()
    return float(row[0]) if row else 0.0


def values_by_month(
    connection: duckdb.DuckDBPyConnection, metric: str
) -> list[tuple[date, float, int]]:
    """(month, value, n) of a metric's total, mature months only."""
    rows = connection.execute(
        "SELECT period_start_on, value, n FROM metrics.metric_values WHERE metric = ? "
        "AND grain = 'month' AND CAST(dimensions AS VARCHAR) = '{}' AND is_mature "
        "AND value IS NOT NULL ORDER BY 1",
        [metric],
    ).fetchall()
    return [(on, float(value), int(n)) for on, value, n in rows]


def stages(connection: duckdb.DuckDBPyConnection) -> list[StageRow]:
    """Each stage of each pipeline in the last quarter that is mature: entered, went on, stayed."""
    rows = connection.execute(
        """
        WITH latest AS (
            SELECT max(period_start_on) AS on_ FROM metrics.metric_values
            WHERE metric = 'stage_conversion' AND grain = 'quarter' AND is_mature
        ), valued AS (
            SELECT metric, dimensions->>'pipeline' AS pipeline, dimensions->>'stage' AS stage,
                   value, n
            FROM metrics.metric_values, latest
            WHERE metric IN ('stage_conversion', 'stage_duration') AND grain = 'quarter'
              AND period_start_on = latest.on_ AND (dimensions->>'stage') IS NOT NULL
        ), named AS (
            SELECT pipeline, stage, any_value(stage_label) AS label, min(stage_order) AS position
            FROM metrics.stage_conversion GROUP BY ALL
        )
        SELECT named.pipeline, coalesce(named.label, named.stage), went.n, went.value, stayed.value
        FROM named
        JOIN valued went USING (pipeline, stage)
        LEFT JOIN valued stayed ON stayed.metric = 'stage_duration'
            AND stayed.pipeline = named.pipeline AND stayed.stage = named.stage
        WHERE went.metric = 'stage_conversion'
        ORDER BY named.pipeline, named.position
        """
    ).fetchall()
    return [
        StageRow(pipeline, stage, int(n), _number(share), _number(days))
        for pipeline, stage, n, share, days in rows
    ]


def open_alerts(connection: duckdb.DuckDBPyConnection) -> list[AlertRow]:
    """Alerts that fire now, the most severe and oldest first; those of shadowed rules left out."""
    if not _has_table(connection, "ops", "alert_states"):
        return []
    # Through JSON, as the table of an earlier version lacks the column.
    rows = connection.execute(
        "SELECT rule, severity, fired_at, notice, to_json(states) ->> 'alert_key', "
        "CAST(to_json(states) ->> 'episode' AS INTEGER) FROM ops.alert_states AS states "
        "WHERE status IN ('firing', 'recovering') "
        "AND (to_json(states) ->> 'is_shadow') IS DISTINCT FROM 'true' "
        "ORDER BY list_position(['critical', 'warning', 'info'], severity), fired_at"
    ).fetchall()
    minded = _minded(connection)
    return [
        AlertRow(
            rule,
            severity,
            since,
            json.loads(notice) if notice else {},
            minded.get((rule, key, episode), ""),
        )
        for rule, severity, since, notice, key, episode in rows
    ]


def _minded(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str, int], str]:
    """Who said last what about each episode, by rule, key and episode."""
    if not _has_table(connection, "ops", "alert_actions"):
        return {}
    rows = connection.execute(
        "SELECT rule, alert_key, episode, arg_max(verb, asked_at), arg_max(asked_by, asked_at), "
        "arg_max(coalesce(strftime(until_at, ' until %d %b %H:%M'), ''), asked_at) "
        "FROM ops.alert_actions WHERE verb IN ('ack', 'snooze') GROUP BY ALL"
    ).fetchall()
    said = {"ack": "acknowledged", "snooze": "snoozed"}
    return {
        (rule, key, episode): f"{said[verb]} by {by}{until}"
        for rule, key, episode, verb, by, until in rows
    }


def silences(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The silences in force when the snapshot was made, a line each."""
    if not _has_table(connection, "ops", "alert_silences"):
        return []
    rows = connection.execute(
        "SELECT coalesce(nullif(rule, ''), 'every rule'), key_prefix, asked_by, reason, ends_at "
        "FROM ops.alert_silences, ops.parameters WHERE ends_at > as_of_at ORDER BY ends_at"
    ).fetchall()
    return [
        f"{rule} {key}".strip() + f" until {ends_at:%d %b %H:%M}, by {by}: {reason}"
        for rule, key, by, reason, ends_at in rows
    ]


def sources(connection: duckdb.DuckDBPyConnection) -> list[SourceRow]:
    """Each source's oldest last load over its streams: as fresh as its stalest stream."""
    rows = connection.execute(
        "WITH last AS (SELECT source, stream, max(loaded_at) AS loaded_at, sum(rows_changed) AS n "
        "FROM ops.loads GROUP BY ALL) "
        "SELECT source, min(loaded_at), sum(n), count(*) FROM last GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return [SourceRow(source, at, int(n), int(streams)) for source, at, n, streams in rows]


def quarantined(connection: duckdb.DuckDBPyConnection) -> list[QualityRow]:
    """Rows in quarantine by entity and reason, most first."""
    rows = connection.execute(
        "SELECT entity, rule, column_name, rows FROM ops.quarantine_counts ORDER BY rows DESC"
    ).fetchall()
    return [QualityRow(*row) for row in rows]


def links(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, int]]:
    """(entity, evidence, records) of what identity resolution joined."""
    return connection.execute(
        "SELECT entity, evidence, count(*) FROM conformed.identity_links GROUP BY ALL ORDER BY 1, 2"
    ).fetchall()


def as_of(connection: duckdb.DuckDBPyConnection) -> datetime:
    """The knowledge time of the published numbers, UTC."""
    row = connection.execute("SELECT as_of_at FROM ops.parameters").fetchone()
    if row is None:
        raise LookupError("ops.parameters is empty")
    instant: datetime = row[0]
    return instant


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _has_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = ? AND table_name = ?",
        [schema, table],
    ).fetchone()
    return bool(row and row[0])


@dataclass(frozen=True, slots=True)
class Restated:
    """A closed period whose value changed; values ready to show."""

    metric: str
    grain: str
    period_start_on: date
    was: str
    is_now: str
    why: str
    restated_at: datetime


RESTATED_SHOWN = 15


def restated(connection: duckdb.DuckDBPyConnection, currency: str) -> list[Restated]:
    """The closed months and quarters that changed last; none where the table is not there yet."""
    if not _has_table(connection, "metrics", "restatements"):
        return []
    rows = connection.execute(
        "SELECT metric, grain, period_start_on, old_value, new_value, unit, why, restated_at "
        "FROM metrics.restatements WHERE grain <> 'week' "
        "ORDER BY restated_at DESC, period_start_on DESC, metric, grain LIMIT ?",
        [RESTATED_SHOWN],
    ).fetchall()
    return [
        Restated(
            metric,
            grain,
            on,
            shown(was, unit, currency),
            shown(is_now, unit, currency),
            why,
            restated_at,
        )
        for metric, grain, on, was, is_now, unit, why, restated_at in rows
    ]
