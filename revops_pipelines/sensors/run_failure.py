"""Failed runs: told to people, and what they could have built is built all the same.

Belongs here: two sensors on run failures. Does not: retries of steps (their retry policy).
"""

# Annotations stay objects here: Dagster reads those of sensors to inject resources.

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from revops_pipelines.engine.alerts.declaration import Notice
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.notice import as_text

RULE = "run_failure"
REBUILD_TAG = "revops/rebuild_of"
_RAW_STEP = "raw__"


def run_failure_sensor(jobs: Sequence[Any]) -> dg.SensorDefinition:
    """`run_failure`: puts an alert about each failed run into the outbox.

    Fires once for each failed run of the jobs; each failure is its own event, named after the run,
    so a tick that is evaluated twice tells it once. Nothing resets it: the next run is another run.
    """

    @dg.run_failure_sensor(
        name=RULE,
        monitored_jobs=list(jobs),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Tells people that a run failed, why, and what to do.",
    )
    def sensor(
        context: dg.RunFailureSensorContext,
        outbox: dg.ResourceParam[Any],
        clock: dg.ResourceParam[Any],
    ) -> None:
        event = failure_event(
            context.dagster_run.run_id,
            context.dagster_run.job_name,
            [event.step_key or "" for event in context.get_step_failure_events()],
            _reason(context),
            clock.now(),
        )
        with outbox.opened() as opened:
            mirror_events([event], opened)

    return sensor


def rebuild_sensor(
    jobs: Sequence[Any], buildable: Mapping[str, Sequence[dg.AssetKey]]
) -> dg.SensorDefinition:
    """`rebuild_after_source_failure`: builds on from the sources that came through.

    Fires when every failed step of a run was a source's load: Dagster then leaves out everything
    that reads that source, though the other sources are fresh. One run of the same job without its
    raw assets is requested per failed run (its run key), and never for a rebuild itself.
    `buildable` maps a job's name to its assets that no source loads.
    """

    @dg.run_failure_sensor(
        name="rebuild_after_source_failure",
        monitored_jobs=list(jobs),
        request_jobs=list(jobs),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="When only a source failed, builds the rest from what is there.",
    )
    def sensor(context: dg.RunFailureSensorContext) -> dg.RunRequest | dg.SkipReason:
        run = context.dagster_run
        failed = [event.step_key or "" for event in context.get_step_failure_events()]
        if REBUILD_TAG in run.tags:
            return dg.SkipReason(f"run {run.run_id[:8]} was a rebuild itself")
        if not only_sources_failed(failed):
            return dg.SkipReason(f"not only sources failed in run {run.run_id[:8]}: {failed}")
        return dg.RunRequest(
            run_key=f"rebuild-{run.run_id}",
            job_name=run.job_name,
            asset_selection=sorted(buildable[run.job_name]),
            tags={REBUILD_TAG: run.run_id},
        )

    return sensor


def only_sources_failed(step_keys: Sequence[str]) -> bool:
    """Did nothing but loads of sources fail?"""
    return bool(step_keys) and all(key.startswith(_RAW_STEP) for key in step_keys)


def without_raw(keys: Iterable[dg.AssetKey]) -> list[dg.AssetKey]:
    """The assets that no source loads."""
    return sorted(key for key in keys if key.path[0] != "raw")


def failure_event(
    run_id: str, job: str, steps: Sequence[str], reason: str, now: datetime
) -> Mapping[str, Any]:
    """A failed run as an event of the outbox."""
    notice = Notice(
        headline=f"Run of {job} failed: {', '.join(filter(None, steps)) or 'before any step'}",
        subject=f"run {run_id[:8]}",
        since=now,
        observed=reason,
        limit="every run ends well",
        owner="data engineering",
        what_to_do="Open the run in the Dagster UI; `revops check` tests each source.",
    )
    return {
        "event_id": f"{RULE}-{run_id}",
        "rule": RULE,
        "rule_title": "A run failed",
        "alert_key": run_id,
        "episode": 1,
        "kind": "fired",
        "severity": "critical",
        "is_backlog": False,
        "notice": as_text(notice),
        "occurred_at": now,
    }


def _reason(context: dg.RunFailureSensorContext) -> str:
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        failure = data.user_failure_data
        if failure is not None and failure.description:
            return str(failure.description)[:300]
        if data.error is not None:
            return data.error.message.strip().splitlines()[0][:300]
    return (context.failure_event.message or "no reason was recorded").splitlines()[0][:300]
