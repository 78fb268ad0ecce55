"""What is true of the website: visits and conversions, by day, origin and landing page.

Belongs here: rows made from the simulation's own intentions. Does not: what a vendor shows of them
on the first two days, or how it words them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from revops_pipelines.sandbox.world.web import WebStory

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World


def web_rows(world: World, now: datetime) -> list[dict[str, Any]]:
    """Rows of `web_traffic.csv`: every day that has begun, the last one until now."""
    story = WebStory(world)
    return [
        {
            "visited_on": visits.day,
            "channel": visits.origin.channel,
            "traffic_source": visits.origin.site or None,
            "medium": visits.origin.medium or None,
            "campaign": visits.origin.campaign or None,
            "landing_page": visits.origin.page,
            "sessions": visits.sessions,
            "users": visits.users,
            "conversions": visits.conversions,
        }
        for day in story.days(now)
        for visits in story.visits(day, now)
    ]


# What `sandbox.truth` writes, by table.
TABLES = {"web_traffic": web_rows}
