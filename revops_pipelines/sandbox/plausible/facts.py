"""The website's visits in Plausible's words.

Belongs here: sources as names, tags as they were set, goals. Does not: grouping (`query.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import NamedTuple

from revops_pipelines.sandbox.world.marketing import RAISING_FORMS
from revops_pipelines.sandbox.world.web import TAGGED, Visits, WebStory

CHANNELS: Mapping[str, str] = {
    "organic_search": "Organic Search",
    "paid_search": "Paid Search",
    "direct": "Direct",
    "referral": "Referral",
    "paid_social": "Paid Social",
    "email_marketing": "Email",
    "organic_social": "Organic Social",
}
# Plausible knows these by name; others it shows as they are.
_NAMES = {
    "google": "Google",
    "bing": "Bing",
    "duckduckgo": "DuckDuckGo",
    "linkedin": "LinkedIn",
    "facebook": "Facebook",
    "youtube": "Youtube",
}
_NOT_SET = "(not set)"
# A goal that raises no hand: somebody of one row in so many asks for the newsletter.
NEWSLETTER, NEWSLETTER_EVERY = "Newsletter", 11


class Fact(NamedTuple):
    """Visits of one day with Plausible's dimensions, and the conversions in them by goal."""

    day: date
    channel: str
    source: str
    medium: str
    campaign: str
    page: str
    visits: int
    visitors: int
    goals: tuple[tuple[str, int], ...]


def facts(story: WebStory, day: date, now: datetime) -> Iterator[Fact]:
    """A day as it is shown at an instant."""
    for position, visits in enumerate(story.visits(day, now)):
        yield _worded(visits, position)


def _worded(visits: Visits, position: int) -> Fact:
    origin = visits.origin
    is_tagged = origin.channel in TAGGED
    goals = [(RAISING_FORMS[position % len(RAISING_FORMS)], visits.conversions)]
    goals.append((NEWSLETTER, int((visits.day.day + position) % NEWSLETTER_EVERY == 0)))
    return Fact(
        visits.day,
        CHANNELS[origin.channel],
        _NAMES.get(origin.site, origin.site) or "Direct / None",
        origin.medium if is_tagged else _NOT_SET,
        origin.campaign or _NOT_SET,
        origin.page,
        visits.sessions,
        visits.users,
        tuple((goal, count) for goal, count in goals if count),
    )
