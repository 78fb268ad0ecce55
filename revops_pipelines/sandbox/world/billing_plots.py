"""Plots in which subscriptions go on: growth, swaps, add-ons, coupons.

Belongs here: one short function per plot. Does not: plots that end or stop (`billing_endings.py`),
or how many customers lead each (`billing_deck.py`).

A plot for which a life is too short simply stops where it is: such customers are steady.
"""

from __future__ import annotations

from dataclasses import replace

from revops_pipelines.sandbox.world.billing_calendar import DAY, HOUR
from revops_pipelines.sandbox.world.billing_catalog import modules
from revops_pipelines.sandbox.world.billing_life import Life, decorated, midday, moved, opened
from revops_pipelines.sandbox.world.billing_sketch import Sketch
from revops_pipelines.sandbox.world.billing_story import period_at

TIERS = ("starter", "team", "business", "enterprise")
CYCLE_BILLED_SHARE = 0.15
PRORATION_WAITS_DAYS = 3


def steady(life: Life) -> None:
    """Nothing happens but renewals."""
    life.keep(decorated(life, opened(life)))


def pays_by_transfer(life: Life) -> None:
    """Yearly or quarterly bills that are sent, and paid weeks later."""
    sketch = opened(life, plan="business", interval=life.random.choice(("quarter", "year")))
    sketch.story = replace(sketch.story, pays_after=life.random.randrange(3 * DAY, 27 * DAY))
    life.keep(sketch)


def grows(life: Life) -> None:
    """Seats are added, at times taken away, inside periods."""
    random = life.random
    sketch = decorated(life, opened(life, plan=random.choice(("team", "business"))))
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
    sketch = decorated(life, opened(life, plan=TIERS[tier]))
    at = sketch.some_moment()
    if at is not None:
        sketch.change(at, moved(sketch, TIERS[tier + step], at))
    life.keep(sketch)


def upgrades(life: Life) -> None:
    """Up a tier inside a period."""
    _moves(life, 1)


def downgrades(life: Life) -> None:
    """Down a tier inside a period."""
    _moves(life, -1)


def _swaps_interval(life: Life, before: str, after: str) -> None:
    sketch = opened(life, plan=life.random.choice(("team", "business")), interval=before)
    at = sketch.some_moment(spread=0.8)
    if at is not None:
        (item,) = sketch.items()
        price = sketch.price(item.price.product.key, after, at)
        sketch.change(at, (replace(item, price=price),), resets=True)
    life.keep(sketch)


def to_yearly(life: Life) -> None:
    """From monthly to yearly, inside a period."""
    _swaps_interval(life, "month", "year")


def to_monthly(life: Life) -> None:
    """From yearly to monthly, which leaves a large credit."""
    _swaps_interval(life, "year", "month")


def changes_mind_in_a_day(life: Life) -> None:
    """Two changes on one day; only the last one counts."""
    sketch = opened(life, plan="team", interval="month")
    at = midday(sketch)
    if at is not None:
        sketch.change(at, moved(sketch, "enterprise", at))
        sketch.change(at + 3 * HOUR, moved(sketch, "business", at))
    life.keep(sketch)


def has_several(life: Life) -> None:
    """Further subscriptions beside the first."""
    first = decorated(life, opened(life))
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


def tries_an_extra(life: Life) -> None:
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


def free_then_pays(life: Life) -> None:
    """A free plan that becomes a paid one."""
    sketch = opened(life, plan="free", interval="month")
    at = sketch.some_moment(spread=0.7)
    if at is not None:
        # Stripe begins a new period when a free subscription starts to cost.
        sketch.change(at, moved(sketch, "team", at), resets=True)
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


def is_a_partner(life: Life) -> None:
    """Everything off, forever."""
    _couponed(life, "PARTNER100")


def two_months_free(life: Life) -> None:
    """Everything off for two months."""
    _couponed(life, "TWOFREE")


def welcomed(life: Life) -> None:
    """Half off the first bill."""
    _couponed(life, "WELCOME50", life.random.choice(("month", "year")))


def spring_offer(life: Life) -> None:
    """Less for three months."""
    _couponed(life, "SPRING30")


def saves(life: Life) -> None:
    """A fixed sum off, shared by two items."""
    duration = life.random.choice(("ONCE", "REPEATING", "FOREVER"))
    _couponed(life, f"SAVE20{life.account.currency}{duration}", items=2)


def uses_much(life: Life) -> None:
    """A metered item and seats at half a cent beside the main one."""
    sketch = opened(life, plan="team", interval="month")
    created = sketch.story.created
    viewers = sketch.item("viewer", "month", 2 * life.random.randint(1, 30), created)
    sketch.begin(*sketch.items(), viewers, sketch.item("calls", "month", 0, created))
    life.keep(sketch)


def buys_modules(life: Life) -> None:
    """More items than a nested list shows at once; one is dropped later on."""
    interval = life.random.choice(("month", "year"))
    sketch = opened(life, plan="business", interval=interval)
    created = sketch.story.created
    chosen = life.random.sample(modules(), life.random.randint(11, 14))
    extras = [sketch.item(module, interval, 1, created) for module in sorted(chosen)]
    sketch.begin(*sketch.items(), *extras)
    at = sketch.some_moment()
    if at is not None:
        sketch.change(at, sketch.items()[:-1])
    life.keep(sketch)
