"""`ops.rule_judgings`: from when to when each rule was judged, without a gap that matters.

Belongs here: a row per rule and span, so that a rule that was not judged for days is found later
too. Does not: what an evaluation found (`tables`), or whether a gap is too long
(`sensors/rules/alerting_dead`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import duckdb

from revops_pipelines.engine.alerts.tables import naive

TABLE = "ops.rule_judgings"
# Pulses come every five minutes: of a rule that they judge a day is one row and not 288. Nights
# stay apart.
_GAP = timedelta(hours=2)


def record_judging(connection: duckdb.DuckDBPyConnection, rule: str, now: datetime) -> None:
    """Note that `rule` was judged at `now`."""
    at = naive(now)
    grown = connection.execute(
        f"UPDATE {TABLE} SET last_at = greatest(last_at, $at) "
        "WHERE rule = $rule AND until_at IS NULL AND $at BETWEEN first_at AND last_at + $gap "
        "RETURNING rule",
        {"rule": rule, "at": at, "gap": _GAP},
    ).fetchall()
    if not grown:
        connection.execute(
            f"INSERT INTO {TABLE} (rule, first_at, last_at) VALUES (?, ?, ?)", [rule, at, at]
        )


def end_judgings(
    connection: duckdb.DuckDBPyConnection, rules: Collection[str], now: datetime
) -> None:
    """Note that only `rules` are judged from `now` on: others are not missed."""
    connection.execute(
        f"UPDATE {TABLE} SET until_at = ? WHERE until_at IS NULL AND rule NOT IN ?",
        [naive(now), list(rules)],
    )
