"""Plausible's conformed traffic against what really happened on the website."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from web_warehouse import opened, true_traffic

from revops_pipelines.resources.sources.plausible import SOURCE
from revops_pipelines.sandbox.world.web import TAGGED
from revops_pipelines.sandbox.world.world import World

TODAY = date(2026, 6, 30)


def as_tagged(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Plausible knows the medium of links that are tagged, and of no other."""
    return [(*row[:3], row[3] if row[1] in TAGGED else None, *row[4:]) for row in rows]


def test_every_day_is_what_happened(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path) as web:
        web.pull_well()
        assert web.conform().quarantined == 0
        tomorrow = TODAY + timedelta(days=1)
        truth = as_tagged(true_traffic(small_world, web.clock.now(), tomorrow))
        assert len(truth) > 1_000
        assert sorted(web.traffic(tomorrow), key=str) == sorted(truth, key=str)


def test_a_day_that_goes_on_is_replaced(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path, began_on=date(2026, 6, 25)) as web:
        web.pull_well()
        web.conform()
        web.clock.advance(timedelta(hours=20))
        web.pull_well()
        web.conform()
        later = TODAY + timedelta(days=2)
        truth = [
            row
            for row in as_tagged(true_traffic(small_world, web.clock.now(), later))
            if row[0] >= date(2026, 6, 25)
        ]
        assert sorted(web.traffic(later), key=str) == sorted(truth, key=str)


def test_other_goals_do_not_count(small_world: World, tmp_path: Path) -> None:
    """Without `goals` every goal of the site is a conversion, the newsletter as well."""
    with opened(SOURCE, small_world, tmp_path, goals=(), began_on=date(2026, 1, 1)) as web:
        web.pull_well()
        web.conform()
        ((every,),) = web.rows("SELECT sum(conversions) FROM conformed.web_traffic")
        web.settings = {"began_on": date(2026, 1, 1)}
        web.conform()
        ((named,),) = web.rows("SELECT sum(conversions) FROM conformed.web_traffic")
    raised = sum(
        person.raised_at is not None
        and date(2026, 1, 1) <= person.raised_at.date()
        and person.raised_at <= web.clock.now()
        for person in small_world.people
    )
    assert named == raised
    assert every > named
