"""Google Analytics 4's conformed traffic against what really happened on the website."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from web_warehouse import opened, true_traffic

from revops_pipelines.resources.sources.ga4 import SOURCE
from revops_pipelines.sandbox.world.world import World

# Of the last two days Google does not know all yet.
SETTLED = date(2026, 6, 29)


def test_settled_days_are_what_happened(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path) as web:
        web.pull_well()
        result = web.conform()
        assert result.quarantined == 0
        truth = true_traffic(small_world, web.clock.now(), SETTLED)
        assert len(truth) > 1_000
        assert web.traffic(SETTLED) == truth


def test_days_that_google_restates_are_replaced(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path, began_on=date(2026, 6, 1)) as web:
        web.pull_well()
        web.conform()
        unsettled = web.rows(
            "SELECT visited_on FROM conformed.web_traffic WHERE channel = 'unassigned' GROUP BY ALL"
        )
        assert {day for (day,) in unsettled} <= {date(2026, 6, 29), date(2026, 6, 30)}
        assert unsettled
        web.clock.advance(timedelta(days=2))
        web.pull_well()
        web.conform()
        truth = true_traffic(small_world, web.clock.now(), date(2026, 7, 1))
        assert web.traffic(date(2026, 7, 1)) == [
            row for row in truth if row[0].month == 6 and row[0].year == 2026
        ]
        assert not web.rows(
            "SELECT 1 FROM conformed.web_traffic "
            "WHERE channel = 'unassigned' AND visited_on < DATE '2026-07-01'"
        )


def test_conversions_of_a_day_and_channel_are_the_leads_raised(
    small_world: World, tmp_path: Path
) -> None:
    with opened(SOURCE, small_world, tmp_path, began_on=date(2026, 1, 1)) as web:
        web.pull_well()
        web.conform()
        found = {
            (day, channel): int(count)
            for day, channel, count in web.rows(
                "SELECT visited_on, channel, sum(conversions) FROM conformed.web_traffic "
                f"WHERE visited_on < DATE '{SETTLED}' GROUP BY ALL HAVING sum(conversions) > 0"
            )
        }
    raised: dict[tuple[date, str], int] = {}
    for person in small_world.people:
        if person.raised_at and date(2026, 1, 1) <= person.raised_at.date() < SETTLED:
            channel = (
                "direct" if person.channel in ("offline", "event", "outbound") else person.channel
            )
            key = (person.raised_at.date(), channel)
            raised[key] = raised.get(key, 0) + 1
    assert found == raised
