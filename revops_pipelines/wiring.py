"""What the definitions are given: resources and sensors under the settings in force.

Belongs here: constructing them. Does not: what they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from revops_pipelines.assets.report import Drawn
from revops_pipelines.engine.alerts.declaration import Rule
from revops_pipelines.engine.alerts.follow_up import Policy
from revops_pipelines.engine.alerts.in_force import InForce
from revops_pipelines.engine.alerts.outbox import OUTBOX_URL
from revops_pipelines.engine.ingest.pull import ProgressSink
from revops_pipelines.jobs import Jobs
from revops_pipelines.resources.clock import ClockResource
from revops_pipelines.resources.messengers import Messengers
from revops_pipelines.resources.outbox import OutboxResource
from revops_pipelines.resources.puller import puller_resource
from revops_pipelines.resources.systems import Systems, systems_of
from revops_pipelines.resources.warehouse import WarehouseResource
from revops_pipelines.sensors.delivery import delivery_sensor
from revops_pipelines.sensors.freshness import source_freshness_sensor
from revops_pipelines.sensors.lead_response import lead_response_sensor
from revops_pipelines.sensors.run_failure import rebuild_sensor, run_failure_sensor
from revops_pipelines.sensors.thresholds import threshold_sensor, unjudged_sensor
from revops_pipelines.settings import Settings, environment

OWN_SENSOR = "churn_threshold"


def resources_of(
    settings: Settings, systems: Systems, policy: Policy, progress: ProgressSink | None = None
) -> dict[str, Any]:
    """The resources by the keys that assets and sensors ask for."""
    return {
        "warehouse": WarehouseResource(
            database=str(settings.warehouse_path),
            lock_timeout_seconds=settings.pulling.lock_timeout_seconds,
        ),
        "clock": ClockResource(sandbox_url=systems.sandbox_url or ""),
        "puller": puller_resource(
            systems, settings.landing_path, settings.pulling.threads, progress
        ),
        "outbox": OutboxResource(
            path=str(settings.outbox_path),
            # By name, so that neither the UI nor a log ever shows the password in it.
            url=dg.EnvVar(OUTBOX_URL) if environment().get(OUTBOX_URL) else "",
        ),
        "messengers": Messengers(
            settings.channels, settings.inbox_path, settings.plugins.folder, policy=policy
        ),
    }


def sensors_of(
    settings: Settings,
    systems: Systems,
    jobs: Jobs,
    rules: Sequence[Rule],
    freshness: InForce,
    policy: Policy,
) -> list[dg.SensorDefinition]:
    """The sensors, all on by default."""
    published = settings.published_path
    messengers = Messengers(settings.channels, settings.inbox_path, settings.plugins.folder)
    # A pulse rule without deadlines is judged by the pulses themselves; the one that was here first
    # keeps a sensor of its own beside the others' common one.
    deadlines = [rule for rule in rules if rule.deadlines is not None]
    nightly = [rule for rule in rules if not rule.pulse]
    own = [rule for rule in nightly if rule.name == OWN_SENSOR]
    others = [rule for rule in nightly if rule.name != OWN_SENSOR]
    return [
        *(lead_response_sensor(rule, published, jobs.pulse.name) for rule in deadlines),
        *(threshold_sensor(rule, published, jobs.judge.name) for rule in own),
        *([unjudged_sensor(others, published, jobs.judge.name)] if others else []),
        delivery_sensor(messengers.channels, published, policy),
        *_freshness(settings, systems, freshness),
        run_failure_sensor(jobs.all),
        rebuild_sensor([jobs.nightly, jobs.pulse], jobs.buildable),
    ]


def _freshness(
    settings: Settings, systems: Systems, freshness: InForce
) -> list[dg.SensorDefinition]:
    """The sensor that judges stale sources, unless it is switched off."""
    if not freshness.options.enabled:
        return []
    usual = timedelta(hours=settings.freshness.max_age_hours)
    sources = [system.name for system in systems]
    return [source_freshness_sensor(settings.published_path, sources, freshness, usual)]


def drawn(settings: Settings) -> Drawn:
    """Draw the report and its pages from the snapshot."""
    # Drawing pulls in the plotting library, which nothing else needs.
    from revops_pipelines.assets import metrics as metric_plugins
    from revops_pipelines.engine.metrics.declaration import Metric
    from revops_pipelines.engine.registry import discover
    from revops_pipelines.engine.warehouse.snapshot import open_snapshot
    from revops_pipelines.reporting.drilldown import (
        contributors,
        drilldown,
        explained,
        quarantined_of,
    )
    from revops_pipelines.reporting.page import ReportSettings, write_report
    from revops_pipelines.reporting.site import build_site

    metrics = tuple(discover(metric_plugins, Metric, settings.plugins.folder).values())
    currency = settings.company.base_currency
    with open_snapshot(settings.published_path) as connection:
        told = explained(connection, metrics)
        quarantined = quarantined_of(connection)
        pages = build_site(
            connection,
            metrics,
            ReportSettings(
                company=settings.company.name,
                currency=currency,
                targets=settings.targets,
                min_n=settings.statistics.min_n,
                is_sandbox=systems_of(settings).sandbox,
            ),
            told,
        )
    for name, explanation in told.items():
        page = settings.report_path.parent / "explain" / f"{name}.html"
        rows = quarantined.get(explanation.series.subject, 0)
        write_report(drilldown(explanation, currency, rows), page)
    for name, html in pages.items():
        write_report(html, settings.report_path.parent / name)
    return Drawn(settings.report_path, {name: contributors(each) for name, each in told.items()})
