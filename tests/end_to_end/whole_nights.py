"""Whole nights through Dagster, on simulated companies served over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from revops_pipelines.definitions import build_defs
from revops_pipelines.installation import plugin_kinds
from revops_pipelines.resources.secrets import Secret
from revops_pipelines.resources.systems import System, Systems, known_sources
from revops_pipelines.sandbox.profile import profile
from revops_pipelines.sandbox.server import Sandbox
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
