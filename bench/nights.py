"""Nights: the whole job `nightly` through Dagster, and its metric steps against plain calls.

Belongs here: functions for a process of their own, and the settings they run under. Does not:
starting them in turns (`suites.py`).

The run is the same as `revops run nightly`: Dagster's instance on SQLite, the in-process executor,
all steps. Imports and the building of definitions do not count: `loading` tells them apart.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.child import ROOT
from bench.cost import measured

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_UNLIMITED = 1e9
# Own limits would only make the nights wait, the full one longer than the other.
_NO_WAIT: Mapping[str, Mapping[str, Any]] = {
    "hubspot": {
        "requests_per_10_seconds": _UNLIMITED,
        "search_requests_per_second": _UNLIMITED,
    },
    "marketo": {"requests_per_20_seconds": _UNLIMITED, "poll_seconds": 0.1},
    "stripe": {
        "requests_per_second": _UNLIMITED,
        "endpoint_requests_per_second": _UNLIMITED,
    },
}


def night(
    home: str, handle: Mapping[str, Any] | None = None, limits: bool = False
) -> dict[str, Any]:
    """One nightly job in the state folder `home`, on the sandbox or (without one) on files.

    The files are those that `home/revops.toml` names. `limits` keeps our own rate limits. Returns
    its cost, what it read and changed.
    """
    began = time.perf_counter()
    definitions, instance = _loaded(Path(home), handle, limits)
    job = definitions.resolve_job_def("nightly")
    loading = time.perf_counter() - began
    with instance, measured() as cost:
        result = job.execute_in_process(instance=instance, raise_on_error=True, run_config=_QUIET)
    return {
        **asdict(cost),
        "loading": loading,
        "steps": len(job.graph.nodes),
        "by_step": _seconds_by_step(result),
        **_pulled(Path(home), result.run_id),
    }


def metric_steps(home: str) -> dict[str, Any]:
    """The metrics of `nightly` as Dagster steps."""
    import dagster as dg

    from bench.rebuild import in_order

    definitions, instance = _loaded(Path(home), None)
    keys = [dg.AssetKey(["metrics", metric.name]) for metric in in_order()]
    job = definitions.resolve_job_def("nightly")
    with instance, measured() as cost:
        result = job.execute_in_process(
            instance=instance, raise_on_error=True, run_config=_QUIET, asset_selection=keys
        )
    return {**asdict(cost), "steps": len(result.get_asset_materialization_events())}


def plain_metrics(home: str) -> dict[str, Any]:
    """The same by plain calls on one connection, no Dagster: all metrics and their identities."""
    from bench.rebuild import in_order
    from revops_pipelines.engine.metrics.build import build_metric
    from revops_pipelines.engine.warehouse.open import open_warehouse

    metrics = in_order()
    connection = open_warehouse(Path(home) / "warehouse.duckdb")
    with measured() as cost:
        for metric in metrics:
            build_metric(connection, metric)
            for identity in metric.identities:
                connection.execute(f"SELECT COUNT(*) FROM ({identity.broken})").fetchall()
    connection.close()
    return {**asdict(cost), "steps": len(metrics)}


def settings_for(home: Path) -> Any:
    """Settings with all state in `home`, read from `home/revops.toml` where there is one."""
    from revops_pipelines.installation import plugin_kinds
    from revops_pipelines.sandbox.profile import profile
    from revops_pipelines.settings import load_settings

    environment = {"REVOPS_HOME": str(home)}
    if (home / "revops.toml").is_file():
        environment["REVOPS_CONFIG"] = str(home / "revops.toml")
    return load_settings(environment, home, plugin_kinds(), profile())


def _loaded(home: Path, handle: Mapping[str, Any] | None, limits: bool = False) -> tuple[Any, Any]:
    import dagster as dg

    from revops_pipelines.definitions import build_defs
    from revops_pipelines.resources.systems import SANDBOX_HANDLE, System, Systems, systems_of

    logging.disable(logging.CRITICAL)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if handle is not None:
        (home / SANDBOX_HANDLE).write_text(json.dumps(dict(handle)), encoding="utf-8")
    settings = settings_for(home)
    found = systems_of(settings)
    hurried = tuple(
        System(each.name, each.source, _hurried(each), each.secrets) for each in found.all
    )
    systems = found if limits else Systems(hurried, found.sandbox, found.sandbox_url)
    dagster_home = home / "dagster"
    dagster_home.mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(ROOT / "dagster.yaml", dagster_home / "dagster.yaml")
    definitions = build_defs(settings=settings, systems=systems)
    return definitions, dg.DagsterInstance.from_config(str(dagster_home))


def _hurried(system: Any) -> Any:
    return system.options.model_copy(update=dict(_NO_WAIT.get(system.source.name, {})))


def _seconds_by_step(result: Any) -> dict[str, float]:
    """How long each step took, the slowest first."""
    import dagster as dg

    took = {
        event.step_key: event.event_specific_data.duration_ms / 1000
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.STEP_SUCCESS
    }
    return dict(sorted(took.items(), key=lambda item: -item[1]))


def _pulled(home: Path, run_id: str) -> dict[str, int]:
    """Records in the raw tables, and how many of them this run read and changed."""
    from revops_pipelines.engine.warehouse.open import open_warehouse

    connection = open_warehouse(home / "warehouse.duckdb", read_only=True)
    read, changed = connection.execute(
        "SELECT coalesce(sum(rows_read), 0), coalesce(sum(rows_changed + rows_deleted), 0) "
        "FROM ops.loads WHERE run_id = ?",
        [run_id],
    ).fetchall()[0]
    tables = connection.execute(
        "SELECT coalesce(sum(estimated_size), 0) FROM duckdb_tables() WHERE schema_name = 'raw' "
        "AND NOT ends_with(table_name, '__history') AND NOT ends_with(table_name, '__tombstones')"
    ).fetchall()[0]
    connection.close()
    return {"read": int(read), "changed": int(changed), "records": int(tables[0])}
