"""quarantine_share: too many records of an entity are set aside as broken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import (
    Finding,
    Notice,
    Row,
    Rule,
    RuleOptions,
    Severity,
    Verdict,
)
from revops_pipelines.engine.alerts.figures import in_utc
from revops_pipelines.sensors.rules._pieces import ended, told_of, watched


class QuarantineOptions(RuleOptions):
    """`[rules.quarantine_share]`."""

    dimensions: ClassVar[tuple[str, ...]] = ("entity",)

    max_share: float = Field(
        default=0.01, ge=0, lt=1, description="Share of an entity's records in quarantine."
    )
    critical_share: float = Field(
        default=0.05, gt=0, le=1, description="From this share on it is critical."
    )
    clear_share: float = Field(
        default=0.8, gt=0, le=1, description="Recovered below this part of the limit."
    )
    min_records: int = Field(
        default=3, ge=1, description="Fewer records in quarantine start no alert."
    )


# Records kept are those that came through their contract, as data quality counts them.
ROWS = f"""
SELECT
  kept.entity,
  kept.passed AS kept,
  COALESCE(broken.records, 0) AS records,
  broken.first_seen_at,
  broken.reasons
FROM (
  SELECT entity, MAX(passed) AS passed
  FROM metrics.data_quality
  WHERE kind = 'validity'
  GROUP BY entity
) AS kept
LEFT JOIN (
  SELECT
    entity,
    COUNT(DISTINCT source || ':' || COALESCE(source_id, '')) AS records,
    MIN(first_seen_at) AS first_seen_at,
    STRING_AGG(DISTINCT rule || COALESCE(' of ' || column_name, ''), ', ') AS reasons
  FROM ops.quarantine
  GROUP BY entity
) AS broken ON broken.entity = kept.entity
UNION ALL BY NAME
{watched("quarantine_share")}
ORDER BY entity, watched_key
"""


def detect(rows: Sequence[Row], options: QuarantineOptions, now: datetime) -> list[Finding]:
    """A breach per entity with more in quarantine than its share allows."""
    judged, keys = told_of(rows)
    found = {row["entity"]: _judge(row, options.of(row), now) for row in judged}
    return [*found.values(), *ended(keys - found.keys(), judged, "no source offers it any more")]


def _judge(row: Row, options: QuarantineOptions, now: datetime) -> Finding:
    offered = row["kept"] + row["records"]
    share = row["records"] / offered if offered else 0.0
    if share > options.max_share and row["records"] >= options.min_records:
        severity: Severity | None = "critical" if share >= options.critical_share else None
        notice = _notice(row, options, share, offered, now)
        return Finding(row["entity"], Verdict.BREACH, notice, severity=options.severity or severity)
    if share > options.max_share * options.clear_share:
        return Finding(row["entity"], Verdict.HOLD)
    return Finding(row["entity"], Verdict.CLEAR, reason=f"{share:.1%} in quarantine")


def _notice(
    row: Row, options: QuarantineOptions, share: float, offered: int, now: datetime
) -> Notice:
    return Notice(
        headline=f"{row['records']:,} {str(row['entity']).replace('_', ' ')} are in quarantine",
        subject=f"entity {row['entity']}",
        since=in_utc(row["first_seen_at"]) or now,
        observed=f"{row['records']:,} of {offered:,} records ({share:.1%})",
        limit=f"at most {options.max_share:.1%}",
        owner=options.owner or "data-engineering",
        facts={"Broken": str(row["reasons"] or "")},
    )


RULE = Rule(
    name="quarantine_share",
    title="Too many records in quarantine",
    owner="data-engineering",
    severity="warning",
    meaning=(
        "More of an entity's records break their contract, and are left out of every number, than "
        "may: 1 % is a warning, 5 % critical. The records themselves are kept, with the rule that "
        "each breaks."
    ),
    what_to_do=(
        'See what is broken: `revops query --live "SELECT rule, column_name, count(*) FROM '
        "ops.quarantine WHERE entity = 'leads' GROUP BY ALL\"`; mend the records in their system."
    ),
    options=QuarantineOptions,
    inputs=("metrics.data_quality", "ops.alert_states", "ops.quarantine"),
    never_empty=("metrics.data_quality",),
    sql=ROWS,
    detect=detect,
    metrics=("data_quality",),
)
