"""Stale sources: told to people when a last committed load is too old, and when it is back.

Belongs here: the sensor. Does not: the verdict (`sensors/rules/source_freshness`), or Dagster's own
freshness policies on the raw assets, which colour the asset graph; those look at materializations,
this looks at the data.
"""

# Annotations stay objects here: Dagster reads those of sensors to inject resources.

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from revops_pipelines.engine.alerts.declaration import Finding, Notice, Verdict
from revops_pipelines.engine.alerts.in_force import InForce
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
    published: Path, sources: Sequence[str], freshness: InForce, usual: timedelta
) -> dg.SensorDefinition:
    """`source_freshness`: an alert per source whose data are older than they may be.

    Fires when a source crosses the age, resets when it is loaded again. Reads the published
    snapshot only. Events are named by source and episode, so a tick that is evaluated twice, or
    dies between the outbox and its cursor, tells once. `usual` is the age where the rule's options
    name none.
    """

    @dg.sensor(
        name=RULE,
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Tells people when a source was not loaded for {usual}.",
    )
    def sensor(
        context: dg.SensorEvaluationContext,
        outbox: dg.ResourceParam[Any],
        clock: dg.ResourceParam[Any],
    ) -> dg.SkipReason:
        if not published.is_file():
            return dg.SkipReason("nothing is published yet")
        now = clock.now()
        with open_snapshot(published) as connection:
            findings = find_stale(connection, freshness, usual, now)
        before = {
            source: Watch(**watch) for source, watch in json.loads(context.cursor or "{}").items()
        }
        after, events = judge(findings, sources, before, freshness, now)
        if events and not _is_shadowed(freshness, now):
            with outbox.opened() as opened:
                mirror_events(events, opened)
        context.update_cursor(
            json.dumps({source: asdict(watch) for source, watch in after.items()})
        )
        stale = sorted(source for source, watch in after.items() if watch.is_stale)
        return dg.SkipReason(f"{len(after)} sources looked at; stale: {', '.join(stale) or 'none'}")

    return sensor


def find_stale(
    connection: duckdb.DuckDBPyConnection, freshness: InForce, usual: timedelta, now: datetime
) -> dict[str, Finding]:
    """Source -> the rule's verdict, on what the snapshot says was loaded when."""
    cursor = connection.execute(freshness.rule.sql)
    names = [column[0] for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    options = freshness.options
    if getattr(options, "max_age_hours", None) is None:
        hours = int(usual.total_seconds() // 3600)
        options = type(options).model_validate({**options.model_dump(), "max_age_hours": hours})
    return {finding.key: finding for finding in freshness.rule.detect(rows, options, now)}


def judge(
    findings: Mapping[str, Finding],
    sources: Sequence[str],
    before: Mapping[str, Watch],
    freshness: InForce,
    now: datetime,
) -> tuple[dict[str, Watch], list[Mapping[str, Any]]]:
    """What to remember of each source, and the events of those that crossed the line.

    A source that was never loaded is not judged: its first run is still to come or has failed,
    which `run_failure` tells.
    """
    after: dict[str, Watch] = {}
    events: list[Mapping[str, Any]] = []
    for source in sources:
        watch = before.get(source, Watch())
        finding = findings.get(source)
        is_stale = watch.is_stale if finding is None else finding.verdict is Verdict.BREACH
        if finding is not None and is_stale and not watch.is_stale:
            watch = Watch(True, watch.episode + 1)
            events.append(_event(finding, watch.episode, "fired", freshness, now))
        elif finding is not None and watch.is_stale and not is_stale:
            events.append(_event(finding, watch.episode, "resolved", freshness, now))
            watch = Watch(False, watch.episode)
        after[source] = watch
    return after, events


def _event(
    finding: Finding, episode: int, kind: str, freshness: InForce, now: datetime
) -> Mapping[str, Any]:
    rule, options = freshness.rule, freshness.options
    notice = finding.notice or Notice(
        headline=f"{finding.key} is loaded again",
        subject=finding.key,
        since=now,
        observed=finding.reason,
        limit="",
        owner=options.owner or rule.owner,
    )
    return {
        "event_id": f"{RULE}-{finding.key}-{episode}-{kind}",
        "rule": RULE,
        "rule_title": rule.title,
        "alert_key": finding.key,
        "episode": episode,
        "kind": kind,
        "severity": finding.severity or options.severity or rule.severity,
        "is_backlog": False,
        "notice": as_text(notice) | ({"ended": finding.reason} if kind == "resolved" else {}),
        "occurred_at": now,
    }


def _is_shadowed(freshness: InForce, now: datetime) -> bool:
    until = freshness.options.shadow_until
    return until is not None and now.date() < until
