"""Whole nights through Dagster, on simulated companies served over HTTP.

`night`: a function that runs the nightly job for a seed and gives what it published, the company's
    truth at that instant, and the run's result. Nights are kept for the session, so tests share
    them; read only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from revops_pipelines.definitions import build_defs
from revops_pipelines.engine.warehouse.snapshot import open_snapshot
from revops_pipelines.installation import plugin_kinds
from revops_pipelines.resources.clock import ClockResource
from revops_pipelines.resources.secrets import Secret
from revops_pipelines.resources.systems import System, Systems, known_sources
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.profile import profile
from revops_pipelines.sandbox.server import Sandbox, running
from revops_pipelines.sandbox.truth import true_tables
from revops_pipelines.sandbox.world.world import build_world
from revops_pipelines.settings import Settings, load_settings

ANCHOR = date(2026, 6, 30)
UNHURRIED = {
    "hubspot": {"requests_per_10_seconds": 100_000, "search_requests_per_second": 10_000},
    "marketo": {"requests_per_20_seconds": 100_000},
    "stripe": {"requests_per_second": 10_000, "endpoint_requests_per_second": 10_000},
}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Night:
    """A night that was run: its settings, what it published, and the truth at that instant."""

    settings: Settings
    published: duckdb.DuckDBPyConnection
    truth: Mapping[str, Sequence[Mapping[str, Any]]]
    now: datetime
    result: dg.ExecuteInProcessResult

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query on what was published, as dicts."""
        cursor = self.published.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def simulated_settings(home: Path) -> Settings:
    """The simulated company's own settings, with all state under `home`."""
    return load_settings({"REVOPS_HOME": str(home)}, home, plugin_kinds(), profile())


def simulated_systems(sandbox: Sandbox) -> Systems:
    """The three systems, pointed at a running sandbox that lets everybody ask at any rate."""
    known = known_sources()
    return Systems(
        tuple(
            System(
                name,
                known[name],
                known[name].options.model_validate(
                    {**known[name].sandbox_options(sandbox.urls), **UNHURRIED[name]}
                ),
                {key: Secret("", value) for key, value in sandbox.keys[name].items()},
            )
            for name in ("hubspot", "marketo", "stripe")
        ),
        sandbox=True,
        sandbox_url=sandbox.urls["hubspot"],
    )


def run_job(settings: Settings, sandbox: Sandbox, job: str) -> dg.ExecuteInProcessResult:
    """Run a job to its end in this process, as the commands do."""
    defs = build_defs(settings, systems=simulated_systems(sandbox))
    settings.home.mkdir(parents=True, exist_ok=True)
    with dg.DagsterInstance.ephemeral(tempdir=str(settings.home)) as instance:
        return defs.resolve_job_def(job).execute_in_process(
            instance=instance, raise_on_error=False, run_config=QUIET
        )


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Night]]:
    """Runs the nightly job for a seed, once per session."""
    nights: dict[int, Night] = {}

    def of(seed: int) -> Night:
        if seed not in nights:
            settings = simulated_settings(tmp_path_factory.mktemp(f"night-{seed}"))
            world = build_world(seed, ANCHOR, 0.05)
            with running(world=world, anchor=ANCHOR, options=Options(limits=False)) as sandbox:
                now = sandbox.clock.now()
                result = run_job(settings, sandbox, "nightly")
            truth = true_tables(world, now)
            published = open_snapshot(settings.published_path)
            nights[seed] = Night(settings, published, truth, now, result)
        return nights[seed]

    yield of
    for each in nights.values():
        each.published.close()


__all__ = ["ClockResource", "Night", "run_job", "simulated_settings", "simulated_systems"]
