"""What Dagster's storage says of its daemons, its runs and the relay's turns, without Dagster.

Belongs here: reading it. Does not: judging (`signs`), or where it is (`storage`).

The few tables and columns that are read here are Dagster's own; a test writes them through Dagster
and reads them back, so that a version which keeps them otherwise is noticed there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from revops_pipelines.engine.heartbeat.processes import Process, is_gone, process_of
from revops_pipelines.engine.heartbeat.signs import BEGUN, Machinery, Run
from revops_pipelines.engine.heartbeat.storage import Storage, UnreadableInstanceError, reading

# A run's process, as the run itself notes it when it begins.
PROCESS_TAG = "revops/process"
_LONGEST_TAG = "dagster/max_runtime"
_RELAY = "alert_delivery"
_WELL = ("SUCCESS", "SKIPPED")

_BEATS = sa.table(
    "daemon_heartbeats", sa.column("daemon_type"), sa.column("timestamp", sa.DateTime)
)
_RUNS = sa.table(
    "runs",
    sa.column("run_id"),
    sa.column("pipeline_name"),
    sa.column("status"),
    sa.column("update_timestamp", sa.DateTime),
    sa.column("start_time", sa.Float),
)
_TAGS = sa.table("run_tags", sa.column("run_id"), sa.column("key"), sa.column("value"))
_EVENTS = sa.table("event_logs", sa.column("run_id"), sa.column("timestamp", sa.DateTime))
_SENSORS = sa.table("instigators", sa.column("selector_id"), sa.column("instigator_body"))
_TICKS = sa.table(
    "job_ticks",
    sa.column("selector_id"),
    sa.column("status"),
    sa.column("timestamp", sa.DateTime),
)


def read_machinery(storage: Storage, gone: Callable[[Process], bool | None] = is_gone) -> Machinery:
    """The daemons' last heartbeats, the runs under way, the relay's last good turn.

    Raises UnreadableInstanceError.
    """
    with reading(storage.runs()) as connection:
        beats = {
            name: _aware(at)
            for name, at in connection.execute(sa.select(_BEATS.c.daemon_type, _BEATS.c.timestamp))
        }
        rows = connection.execute(sa.select(_RUNS).where(_RUNS.c.status.in_(BEGUN))).all()
        ids = [row.run_id for row in rows]
        tags: dict[str, dict[str, str]] = {}
        for run_id, key, value in connection.execute(
            sa.select(_TAGS).where(
                _TAGS.c.run_id.in_(ids), _TAGS.c.key.in_((PROCESS_TAG, _LONGEST_TAG))
            )
        ):
            tags.setdefault(run_id, {})[key] = value
    runs = tuple(_run(storage, row, tags.get(row.run_id, {}), gone) for row in rows)
    return Machinery(beats, runs, _relay_at(storage))


def _run(
    storage: Storage, row: Any, tags: dict[str, str], gone: Callable[[Process], bool | None]
) -> Run:
    changed = _aware(row.update_timestamp)
    began = datetime.fromtimestamp(row.start_time, UTC) if row.start_time else changed
    process = process_of(tags.get(PROCESS_TAG, ""))
    longest = tags.get(_LONGEST_TAG, "")
    return Run(
        run_id=row.run_id,
        job=row.pipeline_name,
        status=row.status,
        since=began if row.status == "STARTED" else changed,
        last_event_at=_last_event(storage, row.run_id) or changed,
        is_gone=gone(process) if process else None,
        longest=timedelta(seconds=int(longest)) if longest.isdigit() else None,
    )


def _last_event(storage: Storage, run_id: str) -> datetime | None:
    query = sa.select(sa.func.max(_EVENTS.c.timestamp)).where(_EVENTS.c.run_id == run_id)
    try:
        with reading(storage.events(run_id)) as connection:
            at = connection.execute(query).scalar()
    except UnreadableInstanceError:
        # A run has no file of events before its first one.
        return None
    return _aware(at) if at else None


def _relay_at(storage: Storage) -> datetime | None:
    """When the relay's sensor last ended a tick well."""
    with reading(storage.ticks()) as connection:
        chosen = connection.execute(
            sa.select(_SENSORS.c.selector_id).where(
                _SENSORS.c.instigator_body.contains(f'"{_RELAY}"', autoescape=True)
            )
        ).scalars()
        at = connection.execute(
            sa.select(sa.func.max(_TICKS.c.timestamp)).where(
                _TICKS.c.selector_id.in_(list(chosen)), _TICKS.c.status.in_(_WELL)
            )
        ).scalar()
    return _aware(at) if at else None


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
