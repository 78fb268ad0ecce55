"""source_freshness: a source has not been loaded for too long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import (
    Finding,
    Notice,
    Row,
    Rule,
    RuleOptions,
    Verdict,
)
from revops_pipelines.engine.alerts.figures import in_utc
from revops_pipelines.sensors.rules._pieces import told_of, watched


class FreshnessOptions(RuleOptions):
    """`[rules.source_freshness]`."""

    dimensions: ClassVar[tuple[str, ...]] = ("source",)

    max_age_hours: int | None = Field(
        default=None,
        ge=1,
        description="Hours a source's stalest stream may be old; [freshness] max_age_hours if not "
        "set.",
    )


# A source is as old as the stream that was loaded longest ago.
ROWS = f"""
SELECT streams.source, MIN(streams.loaded_at) AS loaded_at, MIN_BY(stream, loaded_at) AS stalest
FROM (
  SELECT source, stream, MAX(loaded_at) AS loaded_at FROM ops.loads GROUP BY source, stream
) AS streams
GROUP BY streams.source
UNION ALL BY NAME
{watched("source_freshness")}
ORDER BY source, watched_key
"""
DEFAULT_HOURS = 26


def detect(rows: Sequence[Row], options: FreshnessOptions, now: datetime) -> list[Finding]:
    """A breach per source that is too old. One that was never loaded is not judged."""
    judged, keys = told_of(rows)
    found = {row["source"]: _judge(row, options.of(row), now) for row in judged}
    over = [
        Finding(key, Verdict.CLEAR, reason="it is configured no more")
        for key in sorted(keys - found.keys())
    ]
    return [*found.values(), *over]


def _judge(row: Row, options: FreshnessOptions, now: datetime) -> Finding:
    source, loaded_at = row["source"], in_utc(row["loaded_at"]) or now
    hours = options.max_age_hours or DEFAULT_HOURS
    age = (now - loaded_at).total_seconds() / 3600
    if now - loaded_at <= timedelta(hours=hours):
        return Finding(source, Verdict.CLEAR, reason=f"loaded {loaded_at:%Y-%m-%d %H:%M} UTC")
    notice = Notice(
        headline=f"{source} was not loaded",
        subject=source,
        since=loaded_at,
        observed=f"last load {age:.1f} h ago, of {row['stalest']}",
        limit=f"a load every {hours} h",
        owner=options.owner or "data-engineering",
        what_to_do=f"revops check --source {source}; then materialize it.",
    )
    return Finding(source, Verdict.BREACH, notice, severity=options.severity)


RULE = Rule(
    name="source_freshness",
    title="A source is stale",
    owner="data-engineering",
    severity="warning",
    meaning=(
        "A source's stalest stream was not loaded for longer than it may: what is made of it is "
        "old, and the rules that read it hold their alerts as they are. It is judged by a sensor, "
        "not in a run, so that it is told when no run comes at all; it ends with the next load."
    ),
    what_to_do="`revops check` says what is wrong with the connection; then run it again.",
    options=FreshnessOptions,
    inputs=("ops.alert_states", "ops.loads"),
    never_empty=("ops.loads",),
    sql=ROWS,
    detect=detect,
    judged_by="sensor",
)
