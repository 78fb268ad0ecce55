"""Fixtures that any test may use.

`small_world`: the simulated company at a fiftieth of its size, built once per session; it is
    immutable, so share it freely.
`sandbox`: all three vendors served around `small_world` without rate limits, once per session.
    Read from it only: do not move its clock, plan faults or count on its request counters.
`open_sandbox`: a function that serves a sandbox of your own around `small_world` in milliseconds;
    use it as `with open_sandbox(limits=True) as sandbox:` and do with it what you like. Keywords
    are those of `sandbox.frame.Options`, and `clock` and `world`.
`specs`: the folder of published vendor specifications; a test that asks for it is skipped where
    that folder is absent.

A test that names several seeds runs on the first of them, and tests marked `thorough` do not run at
all; `make thorough` runs everything. A module runs in one worker, so that what its tests share is
made once; modules that share whole nights run in one together.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.server import Sandbox, running
from revops_pipelines.sandbox.world.world import World, build_world

ANCHOR = date(2026, 6, 30)
SPECS = Path(__file__).parents[1] / "../shared/specs"


# Modules that share the nights of `end_to_end/conftest.py`.
OF_NIGHTS = (
    "test_backtest",
    "test_conformed_files",
    "test_metric_oracles",
    "test_policies",
    "test_stacks",
    "test_truth",
)


class _ByModule(LoadScopeScheduling):  # type: ignore[misc]
    """A module's tests in one worker, whole nights in one."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.split("::", 1)[0]
        return "nights" if Path(module).stem in OF_NIGHTS else module


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """How tests are dealt out to the workers, where they are to be dealt out by their scope."""
    return _ByModule(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One company per test, unless all are asked for; whole nights first, as they take longest."""
    if not os.environ.get("REVOPS_THOROUGH"):
        left = {item for item in items if _is_costly(item) or _is_of_another_seed(item)}
        config.hook.pytest_deselected(items=list(left))
        items[:] = [item for item in items if item not in left]
    items.sort(key=lambda item: "end_to_end" not in item.path.parts)


def _is_costly(item: pytest.Item) -> bool:
    return item.get_closest_marker("thorough") is not None


def _is_of_another_seed(item: pytest.Item) -> bool:
    """Is it the same test on a further company: another of its module's `SEEDS` than the first?"""
    seeds = getattr(getattr(item, "module", None), "SEEDS", ())
    callspec = getattr(item, "callspec", None)
    values = [] if callspec is None else list(callspec.params.values())
    named = [value[0] if isinstance(value, tuple) and value else value for value in values]
    return any(isinstance(seed, int) and seed in seeds[1:] for seed in named)


@pytest.fixture(scope="session")
def small_world() -> World:
    """A company of about a hundred leads."""
    return build_world(7, ANCHOR, 0.02)


@pytest.fixture(scope="session")
def sandbox(small_world: World) -> Iterator[Sandbox]:
    """The session's own sandbox, to be read only."""
    with running(world=small_world, anchor=ANCHOR, options=Options(limits=False)) as served:
        yield served


@pytest.fixture
def open_sandbox(small_world: World) -> Callable[..., AbstractContextManager[Sandbox]]:
    """Opens a sandbox that belongs to the test alone."""

    def opened(
        *, clock: Any = None, world: World | None = None, limits: bool = False, **options: Any
    ) -> AbstractContextManager[Sandbox]:
        return running(
            anchor=ANCHOR,
            world=world or small_world,
            clock=clock,
            options=Options(limits=limits, **options),
        )

    return opened


@pytest.fixture(scope="session")
def specs() -> Path:
    """The published specifications, or a skip."""
    if not SPECS.is_dir():
        pytest.skip("needs the published specifications in ../shared")
    return SPECS
