"""Stale sources: told to people when a last committed load is too old, and when it is back.

Belongs here: the sensor and its verdict. Does not: Dagster's own freshness policies on the raw
assets, which colour the asset graph; those look at materializations, this looks at the data.
"""

# Annotations stay objects here: Dagster reads those of sensors to inject resources.

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from revops_pipelines.engine.alerts.declaration import Notice
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.notice import as_text
from revops_pipelines.engine.warehouse.snapshot import open_snapshot

RULE = "source_freshness"
_INTERVAL_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of a source: is it stale, and how often it has been."""

    is_stale: bool = False
    episode: int = 0


def source_freshness_sensor(
    published: Path, sources: Sequence[str], max_age: timedelta
) -> dg.SensorDefinition:
    """`source_freshness`: an alert per source whose data are older than `max_age`.

    Fires when a source crosses the age, resets when it is loaded again. Reads the published
    snapshot only. Events are named by source and episode, so a tick that is evaluated twice, or
    dies between the outbox and its cursor, tells once.
    """

    @dg.sensor(
        name=RULE,
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Tells people when a source was not loaded for {max_age}.",
    )
    def sensor(
        context: dg.SensorEvaluationContext,
        outbox: dg.ResourceParam[Any],
        clock: dg.ResourceParam[Any],
    ) -> dg.SkipReason:
        if not published.is_file():
            return dg.SkipReason("nothing is published yet")
        with open_snapshot(published) as connection:
            loaded = last_loads(connection)
        before = {
            source: Watch(**watch) for source, watch in json.loads(context.cursor or "{}").items()
        }
        after, events = judge(loaded, sources, before, clock.now(), max_age)
        if events:
            with outbox.opened() as opened:
                mirror_events(events, opened)
        context.update_cursor(
            json.dumps({source: asdict(watch) for source, watch in after.items()})
        )
        stale = sorted(source for source, watch in after.items() if watch.is_stale)
        return dg.SkipReason(f"{len(after)} sources looked at; stale: {', '.join(stale) or 'none'}")

    return sensor


def last_loads(connection: duckdb.DuckDBPyConnection) -> dict[str, datetime]:
    """The last load of each source's stalest stream, UTC."""
    rows = connection.execute(
        "SELECT source, min(loaded_at) FROM (SELECT source, stream, max(loaded_at) AS loaded_at "
        "FROM ops.loads GROUP BY ALL) GROUP BY 1"
    ).fetchall()
    return {source: at.replace(tzinfo=UTC) for source, at in rows}


def judge(
    loaded: Mapping[str, datetime],
    sources: Sequence[str],
    before: Mapping[str, Watch],
    now: datetime,
    max_age: timedelta,
) -> tuple[dict[str, Watch], list[Mapping[str, Any]]]:
    """What to remember of each source, and the events of those that crossed the line.

    A source that was never loaded is not judged: its first run is still to come or has failed,
    which `run_failure` tells.
    """
    after: dict[str, Watch] = {}
    events: list[Mapping[str, Any]] = []
    for source in sources:
        watch = before.get(source, Watch())
        at = loaded.get(source)
        is_stale = watch.is_stale if at is None else now - at > max_age
        if is_stale and not watch.is_stale:
            watch = Watch(True, watch.episode + 1)
            events.append(_event(source, watch.episode, "fired", at or now, now, max_age))
        elif watch.is_stale and not is_stale:
            events.append(_event(source, watch.episode, "resolved", at or now, now, max_age))
            watch = Watch(False, watch.episode)
        after[source] = watch
    return after, events


def _event(
    source: str, episode: int, kind: str, loaded_at: datetime, now: datetime, max_age: timedelta
) -> Mapping[str, Any]:
    hours = (now - loaded_at).total_seconds() / 3600
    is_back = kind == "resolved"
    notice = Notice(
        headline=f"{source} is loaded again" if is_back else f"{source} was not loaded",
        subject=source,
        since=loaded_at,
        observed=f"last load {hours:.1f} h ago",
        limit=f"a load every {max_age.total_seconds() / 3600:.0f} h",
        owner="data engineering",
        what_to_do="" if is_back else f"revops check --source {source}; then materialize it.",
    )
    return {
        "event_id": f"{RULE}-{source}-{episode}-{kind}",
        "rule": RULE,
        "rule_title": "A source is stale",
        "alert_key": source,
        "episode": episode,
        "kind": kind,
        "severity": "warning",
        "is_backlog": False,
        "notice": as_text(notice),
        "occurred_at": now,
    }
