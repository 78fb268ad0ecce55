"""The website's visits in Google's words, with what Google does not know yet.

Belongs here: channel groups, `(direct)` and its like, the two days in which a report still changes,
the row `(other)`. Does not: grouping and paging (`report.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import NamedTuple

from revops_pipelines.sandbox.world.web import Visits, WebStory

# Processing takes up to 48 hours: today and yesterday are not settled.
SETTLED_AFTER_DAYS = 2
LATE_SHARE = 0.1
CHANNEL_GROUPS: Mapping[str, str] = {
    "organic_search": "Organic Search",
    "paid_search": "Paid Search",
    "direct": "Direct",
    "referral": "Referral",
    "paid_social": "Paid Social",
    "email_marketing": "Email",
    "organic_social": "Organic Social",
}
# What Google calls the campaign of links that are not tagged.
_UNTAGGED = {"organic_search": "(organic)", "direct": "(direct)", "referral": "(referral)"}
_NOT_SET = "(not set)"
_OTHER = "(other)"


class Fact(NamedTuple):
    """Sessions of one day with Google's dimensions."""

    day: date
    channel: str
    source: str
    medium: str
    campaign: str
    page: str
    sessions: int
    users: int
    conversions: int


def facts(story: WebStory, day: date, now: datetime, *, folded: bool) -> Iterator[Fact]:
    """A day as it is reported at an instant; `folded` puts rare pages into `(other)`."""
    settled = (now.date() - day).days >= SETTLED_AFTER_DAYS
    for position, visits in enumerate(story.visits(day, now)):
        fact = _worded(visits)
        if folded and fact.page.count("/") > 1:
            fact = fact._replace(
                channel=_OTHER, source=_OTHER, medium=_OTHER, campaign=_OTHER, page=_OTHER
            )
        if settled:
            yield fact
        else:
            yield from _unsettled(fact, position)


def _worded(visits: Visits) -> Fact:
    origin = visits.origin
    return Fact(
        visits.day,
        CHANNEL_GROUPS[origin.channel],
        origin.site or "(direct)",
        origin.medium or "(none)",
        origin.campaign or _UNTAGGED.get(origin.channel, _NOT_SET),
        origin.page,
        visits.sessions,
        visits.users,
        visits.conversions,
    )


def _unsettled(fact: Fact, position: int) -> Iterator[Fact]:
    """Some sessions are not processed yet, and of some it is not known where they came from."""
    if position % 4 == 3:
        fact = fact._replace(
            channel="Unassigned",
            source=_NOT_SET,
            medium=_NOT_SET,
            campaign=_NOT_SET,
            page=_NOT_SET,
        )
    late = int(fact.sessions * LATE_SHARE)
    users = min(fact.users, fact.sessions - late)
    yield fact._replace(sessions=fact.sessions - late, users=users)
