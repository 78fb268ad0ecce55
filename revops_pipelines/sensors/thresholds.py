"""Sensors of rules over metric values: ask for an evaluation when values changed unjudged.

Belongs here: when to look. Does not: the verdict (`sensors/rules`).

The nightly run judges these rules in the run that computes the metrics, so as a rule there is
nothing to do. The sensor closes the gap when somebody materialises metrics alone: values that were
computed after the rule's last evaluation have not been judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import dagster as dg
import duckdb

from revops_pipelines.engine.alerts.declaration import Rule
from revops_pipelines.engine.alerts.snapshot import NothingPublishedError, from_snapshot

INTERVAL_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Judged:
    """When the newest metric value was computed, and when the rule was last judged (UTC)."""

    computed_at: datetime | None
    evaluated_at: datetime | None
    still_firing: int = 0

    @property
    def is_due(self) -> bool:
        """Whether there are values that the rule has not judged."""
        if self.computed_at is None:
            return False
        return self.evaluated_at is None or self.evaluated_at < self.computed_at


def threshold_sensor(rule: Rule, snapshot: Path, job_name: str) -> dg.SensorDefinition:
    """The sensor that has `rule` judged by a run of `job_name` when it is due."""

    @dg.sensor(
        name=rule.name,
        job_name=job_name,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Fires when published metric values are newer than the rule's last evaluation: asks "
            "for one evaluation of them. Resets when that evaluation is published. The nightly run "
            "judges what it computes, and leaves nothing to ask for."
        ),
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        try:
            judged = from_snapshot(snapshot, lambda connection: read_judged(connection, rule))
        except NothingPublishedError as error:
            return dg.SkipReason(f"no metric values: {error}")
        if not judged.is_due:
            return dg.SkipReason(
                f"values of {judged.computed_at or 'no time'} were judged at "
                f"{judged.evaluated_at or 'no time'} UTC; {judged.still_firing} alerts open"
            )
        return dg.RunRequest(
            run_key=f"{rule.name}:{judged.computed_at:%Y-%m-%dT%H:%M:%S.%f}",
            tags={"revops/asked": rule.name},
        )

    return sensor


def read_judged(connection: duckdb.DuckDBPyConnection, rule: Rule) -> Judged:
    """What the snapshot says of the rule's last evaluation and of the values before it.

    The rows of such a rule carry `computed_at`; values of other metrics do not concern it.
    """
    [(computed_at,)] = connection.execute(f"SELECT max(computed_at) FROM ({rule.sql})").fetchall()
    rows = connection.execute(
        "SELECT evaluated_at, still_firing + fired FROM ops.alert_evaluations WHERE rule = ?",
        [rule.name],
    ).fetchall()
    evaluated_at, firing = rows[0] if rows else (None, 0)
    return Judged(computed_at, evaluated_at, firing)


UNJUDGED = "unjudged_rules"


def unjudged_sensor(rules: Sequence[Rule], snapshot: Path, job_name: str) -> dg.SensorDefinition:
    """One sensor for all other nightly rules: has them judged when values came unjudged."""

    @dg.sensor(
        name=UNJUDGED,
        job_name=job_name,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Fires when published values of a metric are newer than the last evaluation of a rule "
            "that judges it: asks for one evaluation of all of them. Resets when that evaluation "
            "is published."
        ),
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        try:
            due = from_snapshot(snapshot, lambda connection: read_unjudged(connection, rules))
        except NothingPublishedError as error:
            return dg.SkipReason(f"no metric values: {error}")
        if not due:
            return dg.SkipReason(f"all values that {len(rules)} rules judge were judged")
        newest = max(due.values())
        return dg.RunRequest(
            run_key=f"{UNJUDGED}:{newest:%Y-%m-%dT%H:%M:%S.%f}", tags={"revops/asked": UNJUDGED}
        )

    return sensor


def read_unjudged(
    connection: duckdb.DuckDBPyConnection, rules: Sequence[Rule]
) -> dict[str, datetime]:
    """Rule -> when the newest of its values was computed, of rules that have not judged it."""
    computed = dict(
        connection.execute(
            "SELECT metric, max(computed_at) FROM metrics.metric_values GROUP BY 1"
        ).fetchall()
    )
    judged = dict(
        connection.execute("SELECT rule, evaluated_at FROM ops.alert_evaluations").fetchall()
    )
    due: dict[str, datetime] = {}
    for rule in rules:
        at = max((computed[name] for name in rule.metrics if name in computed), default=None)
        last = judged.get(rule.name)
        if at is not None and (last is None or last < at):
            due[rule.name] = at
    return due
