"""Whole nights through Dagster, on simulated companies served over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from revops_pipelines.definitions import build_defs
from revops_pipelines.engine.declarations import Source
from revops_pipelines.installation import plugin_kinds
from revops_pipelines.resources.clock import ClockResource
from revops_pipelines.resources.secrets import Secret
from revops_pipelines.resources.systems import System, Systems, known_sources, simulated_sheets
from revops_pipelines.sandbox.profile import profile
from revops_pipelines.sandbox.server import Sandbox
from revops_pipelines.settings import Settings, load_settings

ANCHOR = date(2026, 6, 30)
USUAL = ("hubspot", "marketo", "stripe")
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


class StoppedClock(ClockResource):
    """The pipelines' clock at one instant, in ISO text."""

    at: str

    def now(self) -> datetime:
        """That instant."""
        return datetime.fromisoformat(self.at)


def simulated_settings(home: Path) -> Settings:
    """The simulated company's own settings, with all state under `home`."""
    return load_settings({"REVOPS_HOME": str(home)}, home, plugin_kinds(), profile())


def simulated_systems(sandbox: Sandbox) -> Systems:
    """The sandbox's systems, which let everybody ask at any rate, and its sheets."""
    known = known_sources()
    sheets = () if sandbox.sheets is None else (simulated_sheets(known, sandbox.sheets),)
    return Systems(
        tuple(
            System(
                name,
                known[name],
                unhurried(known[name], sandbox.urls),
                {key: Secret("", value) for key, value in sandbox.keys[name].items()},
            )
            for name in sandbox.urls
        )
        + sheets,
        sandbox=True,
        sandbox_url=next(iter(sandbox.urls.values())),
    )


def unhurried(source: Source, urls: Mapping[str, str]) -> Any:
    """Options that point at the sandbox and wait for no rate limit."""
    assert source.sandbox_options is not None
    quick = {
        name: 0.01 if name == "poll_seconds" else 100_000
        for name in source.options.model_fields
        if name == "poll_seconds" or re.search("requests_per_|burst_requests", name)
    }
    return source.options.model_validate({**source.sandbox_options(urls), **quick})


def run_job(settings: Settings, sandbox: Sandbox, job: str) -> dg.ExecuteInProcessResult:
    """Run a job to its end in this process, as the commands do."""
    defs = build_defs(settings, systems=simulated_systems(sandbox))
    settings.home.mkdir(parents=True, exist_ok=True)
    with dg.DagsterInstance.ephemeral(tempdir=str(settings.home)) as instance:
        return defs.resolve_job_def(job).execute_in_process(
            instance=instance, raise_on_error=False, run_config=QUIET
        )
