"""A billed customer's life while it is being told, and how a subscription in it begins.

Belongs here: the life, and choices that several plots share. Does not: the plots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from revops_pipelines.sandbox.world.billing_calendar import DAY, HOUR, QUARTERLY, YEARLY
from revops_pipelines.sandbox.world.billing_catalog import Catalog
from revops_pipelines.sandbox.world.billing_sketch import Sketch
from revops_pipelines.sandbox.world.billing_story import Item, Subscription, period_at
from revops_pipelines.sandbox.world.company import Account

SEATS: Mapping[str, tuple[int, int]] = {"SMB": (2, 14), "MID": (8, 60), "ENT": (40, 180)}


@dataclass
class Life:
    """A customer while its life is being told."""

    random: Random
    account: Account
    catalog: Catalog
    created: int
    until: int
    subscriptions: list[Subscription] = field(default_factory=list)
    deleted_at: int | None = None

    def sketch(self, at: int | None = None) -> Sketch:
        """A new subscription, created with the customer or later."""
        return Sketch(
            self.random,
            self.catalog,
            self.until,
            self.account.currency,
            self.created if at is None else at,
        )

    def keep(self, sketch: Sketch) -> None:
        """The subscription is told."""
        self.subscriptions.append(sketch.story)


def opened(life: Life, plan: str = "", interval: str = "", at: int | None = None) -> Sketch:
    """A subscription with one main item, by segment and chance where nothing is asked for."""
    sketch, random = life.sketch(at), life.random
    segment = life.account.segment
    plan = plan or _some_plan(random, segment)
    interval = interval or _some_interval(random, segment, plan)
    seats = 1 if plan in ("starter", "free") else random.randint(*SEATS[segment])
    sketch.begin(sketch.item(plan, interval, seats, sketch.story.created))
    return sketch


def _some_plan(random: Random, segment: str) -> str:
    if segment == "SMB":
        return random.choices(("starter", "team", "business"), (40, 50, 10))[0]
    if segment == "MID":
        return random.choices(("team", "business"), (55, 45))[0]
    return random.choices(("business", "enterprise"), (35, 65))[0]


def _some_interval(random: Random, segment: str, plan: str) -> str:
    weights = {"SMB": (8, 66, 8, 18), "MID": (3, 50, 14, 33), "ENT": (0, 25, 20, 55)}[segment]
    found = random.choices(("week", "month", "quarter", "year"), weights)[0]
    return "month" if found == "week" and plan not in ("starter", "team") else found


def decorated(life: Life, sketch: Sketch) -> Sketch:
    """Perhaps a trial, a coupon without an end, or payment by transfer."""
    random, story = life.random, sketch.story
    interval = story.changes[0].items[0].price.interval
    roll = random.random()
    if life.account.segment != "SMB" and interval in (QUARTERLY, YEARLY):
        if roll < 0.6:
            sketch.story = replace(story, pays_after=random.randrange(3 * DAY, 27 * DAY))
        return sketch
    if roll < 0.16:
        sketch.trial(random.choice((14, 14, 30)))
    elif roll < 0.30:
        coupon = random.choice(("LOYAL15", "NONPROFIT12"))
        sketch.rebate(life.catalog.coupons[coupon])
    return sketch


def moved(sketch: Sketch, plan: str, at: int) -> tuple[Item, ...]:
    """The first item on another plan of the same interval, at the price of that day."""
    first, *rest = sketch.items()
    price = sketch.price(plan, _interval_name(first), at)
    seats = 1 if plan == "starter" else max(2, first.quantity)
    return (replace(first, price=price, quantity=seats), *rest)


def _interval_name(item: Item) -> str:
    interval = item.price.interval
    if interval is None:
        raise ValueError("a one-time price has no interval")
    return "quarter" if interval.count == 3 else interval.unit


def midday(sketch: Sketch) -> int | None:
    """Nine in the morning, UTC, of a day well inside a period; null when none is found."""
    for _ in range(5):
        moment = sketch.some_moment()
        if moment is None:
            return None
        at = moment - moment % DAY + 9 * HOUR
        period = period_at(sketch.story, at)
        if at > sketch.settled_at and at - period.start > DAY and period.end - at > DAY:
            return at
    return None
