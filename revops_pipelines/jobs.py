"""The two jobs and when they run.

Belongs here: what `nightly` and `pulse` select, their tags and their schedules. Does not: assets.

Both are caught up after an outage by one run: pulls start at the watermark, so a missed tick costs
nothing but time, and Dagster runs only the latest of missed ticks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dagster as dg

from revops_pipelines.assets.alerts import DELIVERY_KEY, alert_key
from revops_pipelines.assets.conformed._assets import conformed_key
from revops_pipelines.assets.metrics._assets import metric_key
from revops_pipelines.assets.parameters import PARAMETERS_KEY, SOURCES_KEY
from revops_pipelines.assets.publish import PUBLISHED_KEY
from revops_pipelines.assets.raw import PULSE, STREAMS_TAG

NIGHTLY = "nightly"
PULSE_JOB = "pulse"
JOB_TAG = "revops/job"

# 02:30 UTC: outside local midnight to four of nobody's daylight-saving change that matters, as UTC
# has none; and after the vendors' own nightly work in Europe and America has begun.
NIGHTLY_CRON = "30 2 * * *"
PULSE_CRON = "*/5 * * * *"

# A run that outlives these is stuck: ended by run monitoring, its lock released by the system.
_MAX_RUNTIME = {NIGHTLY: 4 * 3600, PULSE_JOB: 15 * 60}

# What the pulse keeps fresh between nights.
_PULSE_ENTITIES = ("users", "leads", "activities")
_PULSE_METRICS = ("speed_to_lead",)


def jobs_and_schedules(
    pulse_streams: Iterable[dg.AssetKey], pulse_rules: Iterable[str]
) -> tuple[list[Any], list[dg.ScheduleDefinition]]:
    """The jobs, and the schedules that start them; both schedules are on by default."""
    nightly = _job(
        NIGHTLY, dg.AssetSelection.all(), "all", "Everything: pull, conform, measure, alert, show."
    )
    keys = [
        SOURCES_KEY,
        PARAMETERS_KEY,
        *pulse_streams,
        *(conformed_key(entity) for entity in _PULSE_ENTITIES),
        *(metric_key(metric) for metric in _PULSE_METRICS),
        *(alert_key(rule) for rule in pulse_rules),
        DELIVERY_KEY,
        PUBLISHED_KEY,
    ]
    pulse = _job(
        PULSE_JOB,
        dg.AssetSelection.assets(*dict.fromkeys(keys)),
        PULSE,
        "Leads, activities and owners, then the response table and its alerts.",
    )
    schedules = [
        dg.ScheduleDefinition(
            name=NIGHTLY,
            job=nightly,
            cron_schedule=NIGHTLY_CRON,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        ),
        dg.ScheduleDefinition(
            name=PULSE_JOB,
            job=pulse,
            cron_schedule=PULSE_CRON,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        ),
    ]
    return [nightly, pulse], schedules


def _job(
    name: str, selection: dg.AssetSelection, streams: str, description: str
) -> Any:  # Dagster does not export the type of an asset job
    return dg.define_asset_job(
        name,
        selection=selection,
        description=description,
        tags={
            JOB_TAG: name,
            STREAMS_TAG: streams,
            "dagster/max_runtime": str(_MAX_RUNTIME[name]),
        },
    )
