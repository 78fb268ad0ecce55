"""The plots: what kinds of lives billed customers lead, and how many lead each.

Belongs here: one short function per plot and the deck they are dealt from. Does not: customers'
names and links (`billing_customers.py`), or what comes of a plot on bills.

A plot for which a life is too short simply stops where it is: such customers are steady.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from revops_pipelines.sandbox.world.billing_calendar import DAY, HOUR
from revops_pipelines.sandbox.world.billing_catalog import Catalog
from revops_pipelines.sandbox.world.billing_sketch import Sketch
from revops_pipelines.sandbox.world.billing_story import Item, Subscription, period_at
from revops_pipelines.sandbox.world.company import Account

SEATS: Mapping[str, tuple[int, int]] = {"SMB": (2, 14), "MID": (8, 60), "ENT": (40, 180)}
TIERS = ("starter", "team", "business", "enterprise")
CYCLE_BILLED_SHARE = 0.15
PRORATION_WAITS_DAYS = 3


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


def _decorated(life: Life, sketch: Sketch) -> Sketch:
    """Perhaps a trial, a coupon without an end, or payment by transfer."""
    random, story = life.random, sketch.story
    interval = story.changes[0].items[0].price.interval
    roll = random.random()
    if life.account.segment != "SMB" and interval is not None and interval.unit == "year":
        if roll < 0.6:
            sketch.story = replace(story, pays_after=random.randrange(3 * DAY, 27 * DAY))
        return sketch
    if roll < 0.16:
        sketch.trial(random.choice((14, 14, 30)))
    elif roll < 0.30:
        coupon = random.choice(("LOYAL15", "NONPROFIT12"))
        sketch.rebate(life.catalog.coupons[coupon])
    return sketch


def _steady(life: Life) -> None:
    life.keep(_decorated(life, opened(life)))


def _grows(life: Life) -> None:
    random = life.random
    sketch = _decorated(life, opened(life, plan=random.choice(("team", "business"))))
    for left in range(random.randint(1, 4), 0, -1):
        at = sketch.some_moment(spread=1 / left)
        if at is None:
            break
        (item,) = sketch.items()
        factor = random.choice((1.2, 1.5, 1.5, 2.0, 0.7))
        seats = max(1, round(item.quantity * factor))
        if seats != item.quantity:
            later = _may_wait(sketch, at) and random.random() < CYCLE_BILLED_SHARE
            changed = (replace(item, quantity=seats),)
            sketch.change(at, changed, "cycle" if later else "at_once")
    life.keep(sketch)


def _may_wait(sketch: Sketch, at: int) -> bool:
    """Monthly prorations may wait for the next bill if it comes within 28 days.

    Stripe tells of a change that is not billed yet only in events, which it forgets after 30 days.
    """
    period = period_at(sketch.story, at)
    monthly = period.end - period.start < 32 * DAY
    return monthly and at - period.start > PRORATION_WAITS_DAYS * DAY


def _moves(life: Life, step: int) -> None:
    """Up or down a tier in the middle of a period."""
    tier = life.random.choice((1, 2))
    sketch = _decorated(life, opened(life, plan=TIERS[tier]))
    at = sketch.some_moment()
    if at is not None:
        sketch.change(at, _moved(sketch, TIERS[tier + step], at))
    life.keep(sketch)


def _moved(sketch: Sketch, plan: str, at: int) -> tuple[Item, ...]:
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


def _upgrades(life: Life) -> None:
    _moves(life, 1)


def _downgrades(life: Life) -> None:
    _moves(life, -1)


def _swaps_interval(life: Life, before: str, after: str) -> None:
    sketch = opened(life, plan=life.random.choice(("team", "business")), interval=before)
    at = sketch.some_moment(spread=0.8)
    if at is not None:
        (item,) = sketch.items()
        price = sketch.price(item.price.product.key, after, at)
        sketch.change(at, (replace(item, price=price),), resets=True)
    life.keep(sketch)


def _to_yearly(life: Life) -> None:
    _swaps_interval(life, "month", "year")


def _to_monthly(life: Life) -> None:
    _swaps_interval(life, "year", "month")


def _swaps_plan_in_a_day(life: Life) -> None:
    """One subscription is ended, another begins within the hour: no churn."""
    first = opened(life, plan="team")
    at = _midday(first)
    if at is None:
        life.keep(first)
        return
    first.end("at_once", at, credits=life.random.random() < 0.7)
    life.keep(first)
    life.keep(opened(life, plan="business", at=at + life.random.randrange(120, HOUR)))


def _midday(sketch: Sketch) -> int | None:
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


def _changes_mind_in_a_day(life: Life) -> None:
    """Two changes on one day; only the last one counts."""
    sketch = opened(life, plan="team", interval="month")
    at = _midday(sketch)
    if at is not None:
        sketch.change(at, _moved(sketch, "enterprise", at))
        sketch.change(at + 3 * HOUR, _moved(sketch, "business", at))
    life.keep(sketch)


def _cancels_at_period_end(life: Life) -> None:
    sketch = _decorated(life, opened(life, interval=life.random.choice(("month", "quarter"))))
    sketch.end_with_period()
    life.keep(sketch)


def _cancels_at_once(life: Life) -> None:
    sketch = _decorated(life, opened(life))
    sketch.end_at_once(credits=life.random.random() < 0.5)
    life.keep(sketch)


def _returns(life: Life) -> None:
    first = opened(life, interval="month")
    ended = first.end_with_period()
    life.keep(first)
    if ended and first.story.ended_at is not None:
        back = first.story.ended_at + life.random.randrange(12 * DAY, 190 * DAY)
        if back < life.until:
            life.keep(opened(life, at=back))


def _pays_late(life: Life, least: float, most: float) -> None:
    sketch = opened(life, interval=life.random.choice(("month", "month", "quarter", "week")))
    renewal = sketch.some_renewal()
    if renewal is not None:
        sketch.fail(renewal, life.random.uniform(least, most))
    life.keep(sketch)


def _recovers_soon(life: Life) -> None:
    _pays_late(life, 1.5, 27.5)


def _recovers_late(life: Life) -> None:
    _pays_late(life, 31.5, 56.0)


def _never_pays(life: Life, least: int, most: int, writes_off: bool) -> None:
    sketch = opened(life, interval=life.random.choice(("month", "month", "quarter", "week")))
    renewal = sketch.some_renewal()
    if renewal is not None:
        trouble = sketch.fail(renewal, None)
        at = trouble.issued_at + life.random.randrange(least * DAY, most * DAY)
        sketch.end("payment_failed", sketch.clear_of_drafts(at), writes_off=writes_off)
    life.keep(sketch)


def _lost_soon(life: Life) -> None:
    _never_pays(life, 14, 28, writes_off=life.random.random() < 0.5)


def _lost_late(life: Life) -> None:
    _never_pays(life, 36, 60, writes_off=True)


def _pauses(life: Life) -> None:
    sketch = opened(life, interval="month")
    renewal = sketch.some_renewal()
    if renewal is not None:
        sketch.pause(renewal, life.random.randint(1, 3))
        if life.random.random() < 0.3:
            sketch.end_with_period()
    life.keep(sketch)


def _pauses_for_good(life: Life) -> None:
    sketch = opened(life, interval="month")
    renewal = sketch.some_renewal()
    if renewal is not None:
        sketch.pause(renewal, None)
        if life.random.random() < 0.5:
            at = renewal.start + life.random.randrange(20 * DAY, 70 * DAY)
            sketch.end("at_once", sketch.clear_of_drafts(at))
    life.keep(sketch)


def _tries_only(life: Life) -> None:
    sketch = opened(life, plan="team", interval="month")
    sketch.trial(14)
    end = sketch.settled_at
    asked = sketch.story.created + life.random.randrange(DAY, 13 * DAY)
    sketch.end("at_period_end", end, requested_at=asked)
    life.keep(sketch)


def _is_deleted(life: Life) -> None:
    sketch = opened(life, interval="month")
    if sketch.end_at_once(credits=False):
        life.deleted_at = sketch.story.ended_at
    life.keep(sketch)


def _has_several(life: Life) -> None:
    first = _decorated(life, opened(life))
    life.keep(first)
    at = first.settled_at
    for plan in life.random.sample(("team", "support", "business"), life.random.randint(1, 2)):
        at += life.random.randrange(10 * DAY, 150 * DAY)
        if at >= life.until:
            break
        more = opened(life, plan=plan, at=at)
        if life.random.random() < 0.4:
            more.end_with_period()
        life.keep(more)


def _tries_an_extra(life: Life) -> None:
    """An add-on joins as a second item and leaves again."""
    sketch = opened(life, plan="team", interval="month")
    at = sketch.some_moment(spread=0.6)
    if at is not None:
        main = sketch.items()
        extra = sketch.item("support", "month", 1, at)
        sketch.change(at, (*main, extra))
        later = sketch.some_moment()
        if later is not None and life.random.random() < 0.7:
            sketch.change(later, main)
    life.keep(sketch)


def _free_then_pays(life: Life) -> None:
    sketch = opened(life, plan="free", interval="month")
    at = sketch.some_moment(spread=0.7)
    if at is not None:
        # Stripe begins a new period when a free subscription starts to cost.
        sketch.change(at, _moved(sketch, "team", at), resets=True)
    life.keep(sketch)


def _couponed(life: Life, coupon: str, interval: str = "", items: int = 1) -> None:
    sketch = opened(life, plan="team", interval=interval or "month")
    if items == 2:
        extra = sketch.item("support", "month", 1, sketch.story.created)
        sketch.begin(*sketch.items(), extra)
    sketch.rebate(life.catalog.coupons[coupon])
    if life.random.random() < 0.3:
        sketch.end_with_period()
    life.keep(sketch)


def _is_a_partner(life: Life) -> None:
    _couponed(life, "PARTNER100")


def _two_months_free(life: Life) -> None:
    _couponed(life, "TWOFREE")


def _welcomed(life: Life) -> None:
    _couponed(life, "WELCOME50", life.random.choice(("month", "year")))


def _spring_offer(life: Life) -> None:
    _couponed(life, "SPRING30")


def _saves(life: Life) -> None:
    duration = life.random.choice(("ONCE", "REPEATING", "FOREVER"))
    _couponed(life, f"SAVE20{life.account.currency}{duration}", items=2)


def _uses_much(life: Life) -> None:
    """A metered item and seats at half a cent beside the main one."""
    sketch = opened(life, plan="team", interval="month")
    created = sketch.story.created
    viewers = sketch.item("viewer", "month", 2 * life.random.randint(1, 30), created)
    sketch.begin(*sketch.items(), viewers, sketch.item("calls", "month", 0, created))
    life.keep(sketch)


def _stumbles(life: Life) -> None:
    """The first payment fails and the subscription expires; a second attempt succeeds."""
    failed = opened(life, plan="team", interval="month")
    failed.end("expired", failed.story.created + 23 * HOUR)
    failed.story = replace(failed.story, never_started=True)
    life.keep(failed)
    again = life.created + life.random.randrange(25 * HOUR, 96 * HOUR)
    if again < life.until:
        life.keep(opened(life, at=again))


def _never_subscribes(life: Life) -> None:
    """A customer record without any subscription."""


# Lives in a deck of 60, dealt to each 60 customers in shuffled order.
DECK: Mapping[str, tuple[int, Callable[[Life], None]]] = {
    "steady": (9, _steady),
    "grows": (8, _grows),
    "upgrades": (3, _upgrades),
    "downgrades": (2, _downgrades),
    "to_yearly": (2, _to_yearly),
    "to_monthly": (1, _to_monthly),
    "swaps_plan_in_a_day": (1, _swaps_plan_in_a_day),
    "changes_mind_in_a_day": (1, _changes_mind_in_a_day),
    "cancels_at_period_end": (5, _cancels_at_period_end),
    "cancels_at_once": (2, _cancels_at_once),
    "returns": (2, _returns),
    "recovers_soon": (2, _recovers_soon),
    "recovers_late": (1, _recovers_late),
    "lost_soon": (1, _lost_soon),
    "lost_late": (1, _lost_late),
    "pauses": (2, _pauses),
    "pauses_for_good": (1, _pauses_for_good),
    "tries_only": (1, _tries_only),
    "is_deleted": (1, _is_deleted),
    "has_several": (3, _has_several),
    "tries_an_extra": (2, _tries_an_extra),
    "free_then_pays": (1, _free_then_pays),
    "is_a_partner": (1, _is_a_partner),
    "two_months_free": (1, _two_months_free),
    "welcomed": (1, _welcomed),
    "spring_offer": (1, _spring_offer),
    "saves": (1, _saves),
    "uses_much": (2, _uses_much),
    "stumbles": (1, _stumbles),
    "never_subscribes": (1, _never_subscribes),
}


def deal(seed: int, count: int) -> list[str]:
    """A plot for each of so many customers; the first n do not depend on how many follow."""
    cards = [name for name, (number, _) in DECK.items() for _ in range(number)]
    dealt: list[str] = []
    while len(dealt) < count:
        random = Random(f"{seed}:billing:deck:{len(dealt)}")
        dealt.extend(random.sample(cards, len(cards)))
    return dealt[:count]
