"""The one code location: every declaration turned into Dagster definitions.

Belongs here: putting rooms together. Does not: anything that a room knows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import dagster as dg

from revops_pipelines.assets import conformed as conformed_plugins
from revops_pipelines.assets import metrics as metric_plugins
from revops_pipelines.assets.alerts import DELIVERY_KEY, alert_asset, delivery_asset
from revops_pipelines.assets.conformed._assets import conformed_asset, conformed_key
from revops_pipelines.assets.effects import EFFECTS_KEY, effects_asset
from revops_pipelines.assets.metrics._assets import metric_asset, metric_columns, metric_key
from revops_pipelines.assets.parameters import PARAMETERS_KEY, parameters_asset, sources_asset
from revops_pipelines.assets.publish import published_asset
from revops_pipelines.assets.raw import raw_assets, raw_key
from revops_pipelines.assets.report import report_asset
from revops_pipelines.assets.restatements import RESTATEMENTS_KEY, restatements_asset
from revops_pipelines.assets.standing import STANDING_KEY, standing_asset
from revops_pipelines.contracts.contract import columns_of, references_of
from revops_pipelines.engine.alerts.declaration import Rule
from revops_pipelines.engine.alerts.in_force import rules_in_force
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.prepare import MERGES
from revops_pipelines.engine.ingest.guards import VolumeGuard
from revops_pipelines.engine.ingest.pull import ProgressSink
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.standing import Feeds
from revops_pipelines.engine.metrics.tables import STANDING
from revops_pipelines.engine.registry import discover
from revops_pipelines.installation import installed_settings
from revops_pipelines.jobs import build_jobs
from revops_pipelines.resources.systems import Systems, systems_of
from revops_pipelines.resources.telling import policy_of
from revops_pipelines.sensors import rules as rule_plugins
from revops_pipelines.settings import Settings, environment
from revops_pipelines.wiring import drawn, resources_of, sensors_of


@dataclass(frozen=True)
class _Layers:
    """All assets, the metrics among them, and the columns of those that others read."""

    assets: list[dg.AssetsDefinition]
    metrics: tuple[Metric, ...]
    columns: dict[dg.AssetKey, Collection[str]]


def build_defs(
    settings: Settings | None = None,
    *,
    systems: Systems | None = None,
    resources: Mapping[str, Any] | None = None,
    progress: ProgressSink | None = None,
) -> dg.Definitions:
    """Everything that runs under these settings (by default this installation's).

    `resources` replaces resources by key, for tests; `progress` is told how pulling goes.
    """
    settings = settings or installed_settings(environment())
    systems = systems or systems_of(settings)
    rules = discover(rule_plugins, Rule, settings.plugins.folder)
    layers = _data_layers(settings, systems)
    in_force = rules_in_force(rules, settings.rules, layers.metrics)
    judged_by = [
        each for each in in_force.values() if each.options.enabled and each.rule.judged_by == "run"
    ]
    enabled = [each.rule for each in judged_by]
    policy = policy_of(settings, {name: each.options for name, each in in_force.items()})
    available = frozenset({*layers.columns, RESTATEMENTS_KEY})
    alerts = [alert_asset(each.rule, each.options, available) for each in judged_by]
    delivery = delivery_asset([rule.name for rule in enabled])
    metric_keys = [metric_key(metric.name) for metric in layers.metrics]
    restatements = restatements_asset(layers.metrics, metric_keys, settings.published_path)
    effects = effects_asset(layers.metrics, metric_keys)
    judged = [*metric_keys, RESTATEMENTS_KEY, STANDING_KEY, EFFECTS_KEY, DELIVERY_KEY]
    published = published_asset(settings.published_path, judged)
    report = report_asset(lambda: drawn(settings))
    pulse_streams = [
        raw_key(system.name, stream.name)
        for system in systems
        for stream in system.streams
        if stream.pulse
    ]
    assets = [*layers.assets, restatements, effects, *alerts, delivery, published, report]
    pulled = {name: table.schedule for name, table in settings.sources.items() if table.schedule}
    keys = [key for asset in assets for key in asset.keys]
    jobs = build_jobs(keys, pulse_streams, enabled, pulled)
    return dg.Definitions(
        assets=assets,
        jobs=list(jobs.all),
        schedules=list(jobs.schedules),
        sensors=sensors_of(settings, systems, jobs, enabled, in_force["source_freshness"], policy),
        resources={**resources_of(settings, systems, policy, progress), **(resources or {})},
        executor=dg.in_process_executor,
    )


def _data_layers(settings: Settings, systems: Systems) -> _Layers:
    entities = discover(conformed_plugins, Entity)
    streams = {system.name: system.streams for system in systems}
    guard = VolumeGuard(share=settings.quality.max_vanished_share)
    raw = [
        raw_assets(
            system.name,
            system.source,
            system.streams,
            streams,
            guard,
            system.source.sums(system.options),
        )
        for system in systems
    ]
    sources = sources_asset(entities.values(), systems.areas, streams, settings)
    offered = {offer.offer.entity for offer in systems.offers} & set(entities)
    columns: dict[dg.AssetKey, Collection[str]] = {PARAMETERS_KEY: ()}
    merges = [offer for offer in systems.offers if offer.offer.entity == MERGES]
    conformed = []
    for name in sorted(offered):
        entity = entities[name]
        reads = (set(references_of(entity.contract).values()) | set(entity.reads)) & offered
        offers = [offer for offer in systems.offers if offer.offer.entity == name]
        conformed.append(conformed_asset(entity, offers, sorted(reads - {name}), merges, settings))
        columns[conformed_key(name)] = columns_of(entity.contract)
    metrics = discover(metric_plugins, Metric, settings.plugins.folder)
    columns |= {metric_key(name): metric_columns(metric) for name, metric in metrics.items()}
    built = [metric_asset(metric, columns) for metric in metrics.values()]
    max_age = timedelta(hours=settings.freshness.max_age_hours)
    keys = [metric_key(name) for name in metrics]
    standing = standing_asset(tuple(metrics.values()), keys, _feeds(systems), max_age)
    columns[STANDING_KEY] = tuple(STANDING)
    assets = [*raw, sources, parameters_asset(settings), *conformed, *built, standing]
    return _Layers(assets, tuple(metrics.values()), columns)


def _feeds(systems: Systems) -> Feeds:
    """Entity -> the (source, stream) pairs that fill it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for each in systems.offers:
        streams = [(each.source, stream) for stream in each.offer.streams]
        found.setdefault(each.offer.entity, []).extend(streams)
    return found


defs = build_defs()
