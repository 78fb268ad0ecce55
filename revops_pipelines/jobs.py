"""The jobs and when they run.

Belongs here: what `nightly`, `pulse` and `judge` select, the pulls of sources that have a schedule
of their own, tags and schedules. Does not: assets.

Both are caught up after an outage by one run: pulls start at the watermark, so a missed tick costs
nothing but time, and Dagster runs only the latest of missed ticks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from revops_pipelines.assets.alerts import DELIVERY_KEY, alert_key
from revops_pipelines.assets.conformed._assets import conformed_key
from revops_pipelines.assets.metrics._assets import metric_key
from revops_pipelines.assets.parameters import PARAMETERS_KEY, SOURCES_KEY
from revops_pipelines.assets.publish import PUBLISHED_KEY
from revops_pipelines.assets.raw import LAYER as RAW_LAYER
from revops_pipelines.assets.raw import PULSE, STREAMS_TAG
from revops_pipelines.assets.restatements import RESTATEMENTS_KEY
from revops_pipelines.assets.standing import STANDING_KEY
from revops_pipelines.engine.alerts.declaration import Rule
from revops_pipelines.resources.warehouse import YIELDS_TAG

NIGHTLY = "nightly"
PULSE_JOB = "pulse"
JUDGE_JOB = "judge"
PULL_JOB = "pull"
JOB_TAG = "revops/job"

# 02:30 UTC: outside local midnight to four of nobody's daylight-saving change that matters, as UTC
# has none; and after the vendors' own nightly work in Europe and America has begun.
NIGHTLY_CRON = "30 2 * * *"
PULSE_CRON = "*/5 * * * *"

# A run that outlives these is stuck: ended by run monitoring, its lock released by the system.
_MAX_RUNTIME = {NIGHTLY: 4 * 3600, PULSE_JOB: 15 * 60, JUDGE_JOB: 15 * 60}

# What the pulse keeps fresh between nights.
_PULSE_ENTITIES = ("users", "leads", "activities")
_PULSE_METRICS = ("speed_to_lead",)


@dataclass(frozen=True)
class Jobs:
    """The jobs, their schedules, and which of their assets no source loads.

    Jobs are typed Any: Dagster does not export the type of an asset job.
    """

    nightly: Any
    pulse: Any
    judge: Any
    pulls: tuple[Any, ...]
    schedules: tuple[dg.ScheduleDefinition, ...]
    buildable: Mapping[str, Sequence[dg.AssetKey]]

    @property
    def all(self) -> tuple[Any, ...]:
        """Every job."""
        return (self.nightly, self.pulse, self.judge, *self.pulls)


def build_jobs(
    assets: Iterable[dg.AssetKey],
    pulse_streams: Iterable[dg.AssetKey],
    rules: Iterable[Rule],
    pulled: Mapping[str, str] | None = None,
) -> Jobs:
    """The jobs over the assets that exist; all schedules are on by default.

    `pulled` maps sources to the cron of their own schedule: their raw tables are then kept fresh
    between the nights. What is built of them is built by the nights and pulses as ever.
    """
    rules = tuple(rules)
    pulse_keys = [
        SOURCES_KEY,
        PARAMETERS_KEY,
        *(conformed_key(entity) for entity in _PULSE_ENTITIES),
        *(metric_key(metric) for metric in _PULSE_METRICS),
        RESTATEMENTS_KEY,
        STANDING_KEY,
        *(alert_key(rule.name) for rule in rules if rule.pulse),
        DELIVERY_KEY,
        PUBLISHED_KEY,
    ]
    judged = [alert_key(rule.name) for rule in rules if not rule.pulse]
    known = set(assets)
    buildable = {
        NIGHTLY: sorted(key for key in known if key.path[0] != RAW_LAYER),
        PULSE_JOB: sorted(set(pulse_keys) & known),
    }
    pulse_selection = [*pulse_streams, *buildable[PULSE_JOB]]
    nightly = _job(
        NIGHTLY, dg.AssetSelection.all(), "all", "Everything: pull, conform, measure, alert, show."
    )
    pulse = _job(
        PULSE_JOB,
        dg.AssetSelection.assets(*pulse_selection),
        PULSE,
        "Leads, activities and owners, then the response table and its alerts.",
    )
    judge = _job(
        JUDGE_JOB,
        dg.AssetSelection.assets(*judged, DELIVERY_KEY, PUBLISHED_KEY),
        "none",
        "Judges the rules that the pulse does not, on the values that are there.",
    )
    pulls = {name: _pull_job(name, known) for name in pulled or {}}
    schedules = (
        _schedule(NIGHTLY, nightly, NIGHTLY_CRON),
        _schedule(PULSE_JOB, pulse, PULSE_CRON),
        *(_schedule(job.name, job, (pulled or {})[name]) for name, job in pulls.items()),
    )
    return Jobs(nightly, pulse, judge, tuple(pulls.values()), schedules, buildable)


def _pull_job(source: str, known: Iterable[dg.AssetKey]) -> Any:
    keys = [key for key in known if key.path[:2] == [RAW_LAYER, source]]
    return _job(
        f"{PULL_JOB}_{source}",
        dg.AssetSelection.assets(*sorted(keys)),
        "all",
        f"Pulls {source} alone.",
        _MAX_RUNTIME[NIGHTLY],
    )


def _schedule(name: str, job: Any, cron: str) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def _job(
    name: str,
    selection: dg.AssetSelection,
    streams: str,
    description: str,
    longest_seconds: int = 0,
) -> Any:  # Dagster does not export the type of an asset job
    return dg.define_asset_job(
        name,
        selection=selection,
        description=description,
        tags={
            JOB_TAG: name,
            STREAMS_TAG: streams,
            "dagster/max_runtime": str(longest_seconds or _MAX_RUNTIME[name]),
            # A night and a pull have hours; a pulse, whose alerts people wait for, has seconds.
            **({} if name in (PULSE_JOB, JUDGE_JOB) else {YIELDS_TAG: "true"}),
        },
    )
