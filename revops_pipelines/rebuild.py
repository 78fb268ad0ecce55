"""Everything once more from the raw versions, as it was known at an instant.

Belongs here: putting rooms together outside Dagster: raw, conformed, metrics, in one new file. Does
not: anything that a room knows. A rebuild as of now is a full rebuild: it must equal what the
nights made step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path

import duckdb

from revops_pipelines.assets import conformed as conformed_plugins
from revops_pipelines.assets import metrics as metric_plugins
from revops_pipelines.contracts.contract import references_of
from revops_pipelines.engine.conform.build import conform
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.prepare import MERGES, prepare_conform
from revops_pipelines.engine.ingest.as_known import copy_as_known
from revops_pipelines.engine.ingest.raw_tables import ensure_raw_tables, raw_table
from revops_pipelines.engine.metrics.build import build_metric
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.parameters import prepare
from revops_pipelines.engine.registry import discover
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.resources.systems import Systems
from revops_pipelines.settings import Settings

LIVE = "live"
RUN_ID = "rebuild"
Progress = Callable[[str], None]


def rebuild(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Path,
    settings: Settings,
    systems: Systems,
    at: datetime,
    metrics: Collection[str] | None = None,
    progress: Progress = lambda step: None,
) -> None:
    """Fill the empty database behind `connection` with what was known at `at` (aware).

    `warehouse` is the live file, read only; nobody may be writing it. `metrics` are those wanted
    (with what they read), None all. `progress` is told the steps. Raises duckdb.Error where the
    live file cannot be read.
    """
    ensure_schema(connection)
    path = str(warehouse).replace("'", "''")
    connection.execute(f"ATTACH '{path}' AS {LIVE} (READ_ONLY)")
    try:
        for system in systems:
            progress(f"what {system.name} had told")
            ensure_raw_tables(connection, system.name, system.streams)
            for stream in system.streams:
                copy_as_known(connection, LIVE, raw_table(system.name, stream), at)
    finally:
        connection.execute(f"DETACH {LIVE}")
    _conform_all(connection, settings, systems, at, progress)
    prepare(connection, settings, at)
    known = discover(metric_plugins, Metric, settings.plugins.folder)
    for metric in in_order(known, set(known) if metrics is None else set(metrics)):
        progress(metric.title)
        build_metric(connection, metric)


def _conform_all(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    systems: Systems,
    at: datetime,
    progress: Progress,
) -> None:
    entities = discover(conformed_plugins, Entity)
    prepare_conform(
        connection,
        tuple(entities.values()),
        systems.areas,
        settings.company.internal_domains,
        settings.precedence,
    )
    merges = [offer for offer in systems.offers if offer.offer.entity == MERGES]
    for name in _entities_in_order(entities):
        progress(name.replace("_", " "))
        offers = [offer for offer in systems.offers if offer.offer.entity == name]
        conform(connection, entities[name], offers, settings, RUN_ID, at, merges)


def _entities_in_order(entities: Mapping[str, Entity]) -> list[str]:
    """Each after those that it points at or reads."""
    needs = {
        name: ({*references_of(entity.contract).values(), *entity.reads} & entities.keys()) - {name}
        for name, entity in entities.items()
    }
    return _sorted(needs)


def in_order(metrics: Mapping[str, Metric], wanted: Collection[str]) -> list[Metric]:
    """The wanted metrics and all whose tables they read, each after those."""
    needs = {
        name: {
            table.removeprefix("metrics.")
            for table in metric.inputs
            if table.startswith("metrics.")
        }
        & metrics.keys() - {name}
        for name, metric in metrics.items()
    }
    found, waiting = set(), set(wanted)
    while waiting:
        found |= waiting
        waiting = set().union(*(needs[name] for name in waiting)) - found
    return [metrics[name] for name in _sorted({name: needs[name] & found for name in found})]


def _sorted(needs: Mapping[str, Collection[str]]) -> list[str]:
    """Names after what they need, else by name. Raises ValueError for a circle."""
    order: list[str] = []
    waiting = sorted(needs)
    while waiting:
        ready = [name for name in waiting if not set(needs[name]) - set(order)]
        if not ready:
            raise ValueError(f"these wait for each other: {', '.join(waiting)}")
        order += ready
        waiting = [name for name in waiting if name not in ready]
    return order
