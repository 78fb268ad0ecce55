"""Both analytics vendors tell the same traffic of a website, but for what one cannot know."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from web_warehouse import opened

from revops_pipelines.engine.declarations import Source
from revops_pipelines.resources.sources.ga4 import SOURCE as GA4
from revops_pipelines.resources.sources.plausible import SOURCE as PLAUSIBLE
from revops_pipelines.sandbox.world.web import TAGGED
from revops_pipelines.sandbox.world.world import World

SINCE, SETTLED = date(2026, 3, 1), date(2026, 6, 29)
CHANNEL, MEDIUM = 1, 3


def told(source: Source, world: World, folder: Path) -> list[tuple[Any, ...]]:
    with opened(source, world, folder, began_on=SINCE) as web:
        web.pull_well()
        web.conform()
        return web.traffic(SETTLED)


def test_traffic_is_the_same_from_both(small_world: World, tmp_path: Path) -> None:
    google = told(GA4, small_world, tmp_path / "ga4")
    plausible = told(PLAUSIBLE, small_world, tmp_path / "plausible")
    assert len(google) > 200

    def but_for_medium(rows: list[tuple[Any, ...]]) -> list[str]:
        return sorted(str((*row[:MEDIUM], *row[MEDIUM + 1 :])) for row in rows)

    assert but_for_medium(google) == but_for_medium(plausible)
    # Google names the medium of links that are not tagged; Plausible does not.
    assert {row[CHANNEL] for row in plausible if row[MEDIUM]} == TAGGED
    assert {row[MEDIUM] for row in google if row[CHANNEL] not in TAGGED} == {
        None,
        "organic",
        "referral",
    }
