"""Fixtures of the whole nights.

`night`: a function that runs the nightly job for a seed and gives what it published, the company's
    truth at that instant, and the run's result. Nights are kept for the session, so tests share
    them; read only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from whole_nights import ANCHOR, USUAL, Night, run_job, simulated_settings

from revops_pipelines.engine.warehouse.snapshot import open_snapshot
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.server import running
from revops_pipelines.sandbox.truth import true_tables
from revops_pipelines.sandbox.world.world import build_world


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Night]]:
    """Runs the nightly job for a seed and a choice of systems, once per session."""
    nights: dict[tuple[int, tuple[str, ...]], Night] = {}

    def of(seed: int, systems: tuple[str, ...] = USUAL) -> Night:
        if (seed, systems) not in nights:
            name = "-".join((str(seed), *systems))
            settings = simulated_settings(tmp_path_factory.mktemp(name))
            world = build_world(seed, ANCHOR, 0.05)
            options = Options(limits=False, bulk_seconds=0.0)
            sheets = settings.home / "sheets"
            with running(
                world=world, anchor=ANCHOR, systems=systems, options=options, sheets=sheets
            ) as sandbox:
                now = sandbox.clock.now()
                result = run_job(settings, sandbox, "nightly")
            truth = true_tables(world, now)
            published = open_snapshot(settings.published_path)
            nights[seed, systems] = Night(settings, published, truth, now, result)
        return nights[seed, systems]

    yield of
    for each in nights.values():
        each.published.close()
