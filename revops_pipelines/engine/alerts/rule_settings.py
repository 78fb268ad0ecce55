"""Which settings a rule was judged by, since when, and whether it is shadowed.

Belongs here: `ops.rule_settings`, a row whenever a rule's settings change. Does not: the settings
themselves (`declaration`), or what a shadowed rule's alerts become (`evaluate`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from revops_pipelines.engine.alerts.declaration import Rule, RuleOptions

TABLE = "ops.rule_settings"
_COLUMNS = (
    "rule VARCHAR",
    "settings_json JSON",
    "hash VARCHAR",
    "valid_from_at TIMESTAMP",
    "run_id VARCHAR",
)


@dataclass(frozen=True, slots=True)
class Version:
    """The settings of a rule that came into force at `valid_from_at` (UTC, aware)."""

    rule: str
    settings: dict[str, Any]
    hash: str
    valid_from_at: datetime
    run_id: str


def effective(rule: Rule, options: RuleOptions) -> dict[str, Any]:
    """What the rule is judged by: its options, severity and owner with nothing left open."""
    return options.model_dump(mode="json") | {
        "severity": options.severity or rule.severity,
        "owner": options.owner or rule.owner,
    }


def record_settings(
    connection: duckdb.DuckDBPyConnection,
    rule: Rule,
    options: RuleOptions,
    now: datetime,
    run_id: str,
) -> None:
    """Write down the rule's settings if they are not those of the last time."""
    ensure_rule_settings(connection)
    text = json.dumps(effective(rule, options), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    last = connection.execute(
        f"SELECT hash FROM {TABLE} WHERE rule = ? ORDER BY valid_from_at DESC, rowid DESC LIMIT 1",
        [rule.name],
    ).fetchone()
    if last is None or last[0] != digest:
        connection.execute(
            f"INSERT INTO {TABLE} VALUES (?, ?, ?, ?, ?)",
            [rule.name, text, digest, now.astimezone(UTC).replace(tzinfo=None), run_id],
        )


def ensure_rule_settings(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the table where it is missing."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS ops")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({', '.join(_COLUMNS)})")


def versions(connection: duckdb.DuckDBPyConnection, rule: str | None = None) -> list[Version]:
    """The settings of one rule, or of all, in the order in which they came into force."""
    there = connection.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_catalog = current_database() "
        "AND table_schema = 'ops' AND table_name = 'rule_settings'"
    ).fetchall()
    if not there:
        return []
    rows = connection.execute(
        f"SELECT rule, settings_json, hash, valid_from_at, run_id FROM {TABLE} "
        "WHERE coalesce(rule = $rule, true) ORDER BY rule, valid_from_at, rowid",
        {"rule": rule},
    ).fetchall()
    return [
        Version(name, json.loads(text), digest, at.replace(tzinfo=UTC), run_id)
        for name, text, digest, at, run_id in rows
    ]


def shadowed_until(options: RuleOptions, known: Sequence[Version]) -> datetime | None:
    """The instant at which its alerts begin to be told; None where nothing holds them back.

    `known` are the rule's versions: `shadow_days` count from the first of them.
    """
    ends: list[datetime] = []
    if options.shadow_until is not None:
        day = options.shadow_until
        ends.append(datetime(day.year, day.month, day.day, tzinfo=UTC))
    if options.shadow_days and known:
        ends.append(known[0].valid_from_at + timedelta(days=options.shadow_days))
    return max(ends, default=None)


def is_shadowed(
    connection: duckdb.DuckDBPyConnection, rule: Rule, options: RuleOptions, now: datetime
) -> bool:
    """Whether the rule's alerts are on record only, at `now`; after `record_settings`."""
    until = shadowed_until(options, versions(connection, rule.name))
    return until is not None and now < until
