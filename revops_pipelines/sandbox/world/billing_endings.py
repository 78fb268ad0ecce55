"""Plots in which subscriptions end, stop for a while, or never begin.

Belongs here: one short function per plot. Does not: plots that only go on (`billing_plots.py`), or
how many customers lead each (`billing_deck.py`).
"""

from __future__ import annotations

from dataclasses import replace

from revops_pipelines.sandbox.world.billing_calendar import DAY, HOUR
from revops_pipelines.sandbox.world.billing_life import Life, decorated, midday, opened


def swaps_plan_in_a_day(life: Life) -> None:
    """One subscription is ended, another begins within the hour: no churn."""
    first = opened(life, plan="team")
    at = midday(first)
    if at is None:
        life.keep(first)
        return
    first.end("at_once", at, credits=life.random.random() < 0.7)
    life.keep(first)
    life.keep(opened(life, plan="business", at=at + life.random.randrange(120, HOUR)))


def cancels_at_period_end(life: Life) -> None:
    """Asks for the end and runs until the period is over."""
    sketch = decorated(life, opened(life, interval=life.random.choice(("month", "quarter"))))
    sketch.end_with_period()
    life.keep(sketch)


def cancels_at_once(life: Life) -> None:
    """Ends at once, with or without a credit for the unused time."""
    sketch = decorated(life, opened(life))
    sketch.end_at_once(credits=life.random.random() < 0.5)
    life.keep(sketch)


def returns(life: Life) -> None:
    """Leaves, and comes back with a new subscription."""
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


def recovers_soon(life: Life) -> None:
    """A renewal is paid late, but within 30 days."""
    _pays_late(life, 1.5, 27.5)


def recovers_late(life: Life) -> None:
    """A renewal is paid only after 30 days."""
    _pays_late(life, 31.5, 56.0)


def _never_pays(life: Life, least: int, most: int, writes_off: bool) -> None:
    sketch = opened(life, interval=life.random.choice(("month", "month", "quarter", "week")))
    renewal = sketch.some_renewal()
    if renewal is not None:
        trouble = sketch.fail(renewal, None)
        at = trouble.issued_at + life.random.randrange(least * DAY, most * DAY)
        sketch.end("payment_failed", sketch.clear_of_drafts(at), writes_off=writes_off)
    life.keep(sketch)


def lost_soon(life: Life) -> None:
    """A renewal is never paid; ended within 30 days."""
    _never_pays(life, 14, 28, writes_off=life.random.random() < 0.5)


def lost_late(life: Life) -> None:
    """A renewal is never paid; ended after 30 days and written off."""
    _never_pays(life, 36, 60, writes_off=True)


def pauses(life: Life) -> None:
    """Collection is paused for one to three periods."""
    sketch = opened(life, interval="month")
    renewal = sketch.some_renewal()
    if renewal is not None:
        sketch.pause(renewal, life.random.randint(1, 3))
        if life.random.random() < 0.3:
            sketch.end_with_period()
    life.keep(sketch)


def pauses_for_good(life: Life) -> None:
    """Collection is paused and never resumed."""
    sketch = opened(life, interval="month")
    renewal = sketch.some_renewal()
    if renewal is not None:
        sketch.pause(renewal, None)
        if life.random.random() < 0.5:
            at = renewal.start + life.random.randrange(20 * DAY, 70 * DAY)
            sketch.end("at_once", sketch.clear_of_drafts(at))
    life.keep(sketch)


def tries_only(life: Life) -> None:
    """A trial that does not convert."""
    sketch = opened(life, plan="team", interval="month")
    sketch.trial(14)
    end = sketch.settled_at
    asked = sketch.story.created + life.random.randrange(DAY, 13 * DAY)
    sketch.end("at_period_end", end, requested_at=asked)
    life.keep(sketch)


def is_deleted(life: Life) -> None:
    """The customer is deleted, and its subscription ends with it."""
    sketch = opened(life, interval="month")
    if sketch.end_at_once(credits=False):
        life.deleted_at = sketch.story.ended_at
    life.keep(sketch)


def stumbles(life: Life) -> None:
    """The first payment fails and the subscription expires; a second attempt succeeds."""
    failed = opened(life, plan="team", interval="month")
    failed.end("expired", failed.story.created + 23 * HOUR)
    failed.story = replace(failed.story, never_started=True)
    life.keep(failed)
    again = life.created + life.random.randrange(25 * HOUR, 96 * HOUR)
    if again < life.until:
        life.keep(opened(life, at=again))


def never_subscribes(life: Life) -> None:
    """A customer record without any subscription."""
