"""Visits to the company's website, by day, origin and landing page.

Belongs here: which sessions there were and which of them converted. Does not: how an analytics
vendor words or blurs them (`sandbox/ga4`, `sandbox/plausible`).

A session converts when somebody raises a hand, so that a day's conversions of a channel are the
leads that were raised by it that day. A second hand is a known person's: the form is prefilled and
counts no conversion. Whoever came from a list or a seller typed the address: their channel here is
direct. All other sessions are drawn by the day, so that their number does not cost time. Days are
UTC days.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from revops_pipelines.sandbox.world.marketing_programs import Calendar
from revops_pipelines.sandbox.world.people import CHANNELS

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World

# Sessions a day at scale 1, in the middle of the story: about one in forty converts.
SESSIONS_A_DAY = 240.0
WEEKEND_SHARE = 0.35
RETURNING_SHARE = 0.12
# channel: ((site, medium, share of the channel), ...); (none) where the link says nothing.
ORIGINS: Mapping[str, tuple[tuple[str, str, float], ...]] = {
    "organic_search": (
        ("google", "organic", 0.8),
        ("bing", "organic", 0.14),
        ("duckduckgo", "organic", 0.06),
    ),
    "paid_search": (("google", "cpc", 0.85), ("bing", "cpc", 0.15)),
    "direct": (("", "", 1.0),),
    "referral": (("reviews.example", "referral", 0.6), ("partners.example", "referral", 0.4)),
    "paid_social": (("linkedin", "paid_social", 0.7), ("facebook", "paid_social", 0.3)),
    "email_marketing": (("newsletter", "email", 1.0),),
    "organic_social": (("linkedin", "social", 0.75), ("youtube", "social", 0.25)),
}
# Channels whose links are tagged, and therefore name the program that paid for them.
TAGGED = frozenset({"paid_search", "paid_social", "email_marketing", "organic_social"})
PAGES: Mapping[str, float] = {
    "/": 0.38,
    "/pricing": 0.2,
    "/demo": 0.14,
    "/blog/speed-to-lead": 0.12,
    "/webinars": 0.09,
    "/guides/forecasting": 0.07,
}


class Origin(NamedTuple):
    """Where a session came from and where it began; empty texts where nothing says it."""

    channel: str
    site: str
    medium: str
    campaign: str
    page: str


class Visits(NamedTuple):
    """Sessions of one day and origin; `conversions` of them raised a hand."""

    day: date
    origin: Origin
    sessions: int
    users: int
    conversions: int


class WebStory:
    """All visits of one world; days are made when they are asked for."""

    def __init__(self, world: World) -> None:
        self._seed = world.seed
        self._scale = world.scale
        self._calendar = Calendar(world.marketing.programs)
        self.first_day = world.start.date()
        self._length = (world.end.date() - self.first_day).days
        self._raised: dict[date, list[tuple[datetime, Origin]]] = {}
        random = Random(f"{world.seed}:web")
        for person in world.people:
            if person.raised_at is not None:
                channel = person.channel if person.channel in ORIGINS else "direct"
                day = person.raised_at.date()
                origin = self._origin(channel, day, random.random(), random.random())
                self._raised.setdefault(day, []).append((person.raised_at, origin))
        for raised in self._raised.values():
            raised.sort()

    def days(self, now: datetime) -> list[date]:
        """The days that have begun."""
        count = (now.date() - self.first_day).days + 1
        return [self.first_day + timedelta(days=number) for number in range(max(0, count))]

    def visits(self, day: date, now: datetime) -> list[Visits]:
        """What happened on a day until now, in order of origin."""
        hands: dict[Origin, int] = {}
        raised = self._raised.get(day, [])
        for _, origin in raised[: bisect_right(raised, now, key=lambda each: each[0])]:
            hands[origin] = hands.get(origin, 0) + 1
        sessions = dict(hands)
        elapsed = _elapsed(day, now)
        for origin, count in self._others(day):
            sessions[origin] = sessions.get(origin, 0) + int(count * elapsed)
        return [
            Visits(day, origin, count, count - int(count * RETURNING_SHARE), hands.get(origin, 0))
            for origin, count in sorted(sessions.items())
            if count
        ]

    def _others(self, day: date) -> Iterator[tuple[Origin, int]]:
        """Sessions of a whole day that raise no hand; more every year, few on weekends."""
        random = Random(f"{self._seed}:web:{day.isoformat()}")
        growth = 0.5 + (day - self.first_day).days / self._length
        expected = SESSIONS_A_DAY * self._scale * growth
        expected *= WEEKEND_SHARE if day.weekday() > 4 else 1.0
        for channel, share in CHANNELS.items():
            for position, (_, _, of_channel) in enumerate(ORIGINS[channel]):
                for page, of_pages in PAGES.items():
                    mean = expected * share * of_channel * of_pages
                    yield (
                        self._at(channel, position, page, day),
                        int(mean * random.uniform(0.7, 1.3) + random.random()),
                    )

    def _origin(self, channel: str, day: date, site: float, page: float) -> Origin:
        """The origin that two chances between 0 and 1 choose."""
        shares = [share for _, _, share in ORIGINS[channel]]
        pages = list(PAGES)
        return self._at(
            channel, _chosen(shares, site), pages[_chosen(list(PAGES.values()), page)], day
        )

    def _at(self, channel: str, position: int, page: str, day: date) -> Origin:
        site, medium, _ = ORIGINS[channel][position]
        campaign = ""
        if channel in TAGGED:
            noon = int(datetime.combine(day, time(12), tzinfo=UTC).timestamp())
            campaign = self._calendar.of_channel(channel, noon).name
        return Origin(channel, site, medium, campaign, page)


def _elapsed(day: date, now: datetime) -> float:
    """The share of a day that is over."""
    began = datetime.combine(day, time(), tzinfo=UTC)
    return min(1.0, max(0.0, (now - began) / timedelta(days=1)))


def _chosen(shares: list[float], chance: float) -> int:
    """The position that a chance between 0 and 1 falls on.

    >>> _chosen([0.5, 0.5], 0.2), _chosen([0.5, 0.5], 0.7), _chosen([0.5, 0.4], 0.99)
    (0, 1, 1)
    """
    for position, share in enumerate(shares):
        chance -= share
        if chance < 0:
            return position
    return len(shares) - 1
