"""schema_drift: a system stopped sending fields, or began to send new ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal

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
from revops_pipelines.sensors.rules._pieces import ended, told_of, watched

_SHOWN = 10


class DriftOptions(RuleOptions):
    """`[rules.schema_drift]`."""

    dimensions: ClassVar[tuple[str, ...]] = ("source", "stream")

    new_fields: bool = Field(
        default=True, description="Tell of new fields as well, as info and for a few days."
    )
    new_days: int = Field(default=7, ge=1, le=30, description="Days for which a field is new.")
    ignore: tuple[str, ...] = Field(
        default=(), description="Paths that begin so are left out, for example /properties/hs_."
    )


# A stream's first look at its records makes nothing new.
ROWS = f"""
SELECT
  fields.source,
  fields.stream,
  fields.path,
  CASE WHEN fields.missing_since IS NULL THEN 'new' ELSE 'gone' END AS change,
  COALESCE(fields.missing_since, fields.first_seen_at) AS changed_at,
  fields.records_with,
  fields.records_all
FROM ops.fields AS fields
JOIN (
  SELECT source, stream, MIN(first_seen_at) AS began_at FROM ops.fields GROUP BY source, stream
) AS streams ON streams.source = fields.source AND streams.stream = fields.stream
CROSS JOIN ops.parameters AS parameters
WHERE fields.missing_since IS NOT NULL
  OR (fields.first_seen_at > streams.began_at
    AND fields.first_seen_at > parameters.as_of_at - INTERVAL 31 DAY)
UNION ALL BY NAME
SELECT source, stream, NULL AS path, 'none' AS change FROM ops.fields GROUP BY source, stream
UNION ALL BY NAME
{watched("schema_drift")}
ORDER BY source, stream, changed_at, path, watched_key
"""


def detect(rows: Sequence[Row], options: DriftOptions, now: datetime) -> list[Finding]:
    """A breach per stream with fields that are gone, and one per stream with new ones."""
    judged, keys = told_of(rows)
    groups: dict[str, list[Row]] = {}
    for row in judged:
        if row["change"] != "none" and _is_told(row, options.of(row), now):
            groups.setdefault(f"{row['source']}.{row['stream']}/{row['change']}", []).append(row)
    found = {key: _breach(key, group, options.of(group[0])) for key, group in groups.items()}
    return [
        *found.values(),
        *ended(keys - found.keys(), judged, "sent again, ignored, or new no more"),
    ]


def _is_told(row: Row, options: DriftOptions, now: datetime) -> bool:
    if any(row["path"].startswith(prefix) for prefix in options.ignore):
        return False
    if row["change"] == "gone":
        return True
    at = in_utc(row["changed_at"]) or now
    return options.new_fields and now - at <= timedelta(days=options.new_days)


def _breach(key: str, group: Sequence[Row], options: DriftOptions) -> Finding:
    is_gone = group[0]["change"] == "gone"
    stream = f"{group[0]['source']}.{group[0]['stream']}"
    paths = [str(row["path"]) for row in group]
    shown = ", ".join(paths[:_SHOWN]) + (", …" if len(paths) > _SHOWN else "")
    count = f"{len(paths)} field{'' if len(paths) == 1 else 's'}"
    since = min(row["changed_at"] for row in group).replace(tzinfo=UTC)
    notice = Notice(
        headline=f"{stream} {'no longer sends' if is_gone else 'sends'} {count}"
        f"{'' if is_gone else ' more'}",
        subject=stream,
        since=since,
        observed=shown,
        limit="the same fields as before",
        owner=options.owner or "data-engineering",
        what_to_do=_STEPS[is_gone],
        facts={
            row["path"]: f"in {row['records_with']:,} of {row['records_all']:,} records"
            for row in group[:_SHOWN]
        },
        is_momentary=not is_gone,
    )
    severity: Literal["warning", "info"] = "warning" if is_gone else "info"
    return Finding(key, Verdict.BREACH, notice, severity=options.severity or severity)


_STEPS = {
    True: "Ask who changed the system: a field that was renamed or removed empties what is made "
    "of it. Columns stay, their old values too.",
    False: "Nothing breaks: the values are kept in the payload. Map the field if it is wanted.",
}

RULE = Rule(
    name="schema_drift",
    title="A system's fields changed",
    owner="data-engineering",
    severity="warning",
    meaning=(
        "Records of a stream no longer carry a field that they had (a warning), or carry one that "
        "they never had (info, for a week). A field counts as gone only when so many records "
        "without it would come by chance less than once in a million loads."
    ),
    what_to_do="Ask who changed the system, and see what is made of the field.",
    options=DriftOptions,
    inputs=("ops.alert_states", "ops.fields", "ops.parameters"),
    never_empty=("ops.fields", "ops.parameters"),
    sql=ROWS,
    detect=detect,
)
