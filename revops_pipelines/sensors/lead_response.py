"""The sensor `lead_response_sla`: asks for a pulse when a lead nears or passes its deadline.

Belongs here: when to look. Does not: the verdict, which the run that it asks for commits with the
metrics (`sensors/rules/lead_response_sla.py`).
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from revops_pipelines.engine.alerts.deadlines import Asked, decide, open_deadlines
from revops_pipelines.engine.alerts.declaration import Rule
from revops_pipelines.engine.alerts.snapshot import NothingPublishedError, from_snapshot
from revops_pipelines.engine.needs import Clock

INTERVAL_SECONDS = 10
_UNDERWAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def lead_response_sensor(rule: Rule, snapshot: Path, job_name: str) -> dg.SensorDefinition:
    """The sensor over `rule.deadlines`, requesting runs of `job_name`; needs the resource `clock`.

    A tick opens the published snapshot only, for some tens of milliseconds.
    """

    @dg.sensor(
        name=rule.name,
        job_name=job_name,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"clock"},
        description=(
            "Fires when an open lead comes within seconds of its deadline, or is past it, and the "
            "data of the last pulse are older than that deadline: asks for one pulse. Resets when "
            "a later pulse is published. While a pulse is under way it waits; when one changed "
            "nothing it asks again after one minute, then two, up to five."
        ),
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        clock: Clock = context.resources.clock
        try:
            deadlines = from_snapshot(snapshot, lambda connection: open_deadlines(connection, rule))
        except NothingPublishedError as error:
            return dg.SkipReason(f"no deadline is known: {error}")
        decision = decide(
            rule.name,
            deadlines,
            clock.now(),
            Asked.load(context.cursor),
            is_underway=_is_underway(context.instance, job_name),
        )
        if not decision.run_key:
            return dg.SkipReason(decision.said)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(run_key=decision.run_key, tags={"revops/asked": rule.name})
            ],
            cursor=decision.asked.dump(),
        )

    return sensor


def _is_underway(instance: dg.DagsterInstance, job_name: str) -> bool:
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=_UNDERWAY), limit=1)
    return bool(runs)
