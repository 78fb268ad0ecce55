"""What is true of terms: for how long each customer was bound, and for how much a year.

Belongs here: terms from the intentions (`billing_story`) alone, in Decimal. Does not: anything that
looks at a bill, or at how the pipelines find terms.

A term is a billing period of a quarter or longer that is no trial. It ends early with its
subscription, or where a change of the interval begins another one. Where the billing system knows
agreements (Chargebee), who pays by transfer has signed for `TERM_MONTHS` from the beginning, again
and again, and bills inside are no terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from revops_pipelines.sandbox.world.billing import Billing
from revops_pipelines.sandbox.world.billing_calendar import (
    DAY,
    Cycle,
    Interval,
    cycles_from,
    day_of,
    epoch,
)
from revops_pipelines.sandbox.world.billing_story import (
    Customer,
    Subscription,
    cycles,
    interval_of,
    items_at,
)
from revops_pipelines.sandbox.world.truth_billing import billed_amounts

SHORTEST_DAYS = 84
TERM_MONTHS = 12
CENT = Decimal("0.01")
MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True, slots=True)
class Term:
    """One term; `ended_on` where it was over before its end."""

    customer_id: str
    subscription_id: str
    starts_on: date
    ends_on: date
    ended_on: date | None
    annual_amount: Decimal
    currency: str
    is_signed: bool = False


def terms(billing: Billing, now: datetime, *, are_signed: bool = False) -> Iterator[Term]:
    """Every term that began by now. `are_signed`: who pays by transfer has signed for a year.

    A paused customer is billed nothing where pauses are the billing system's own (`are_signed`);
    elsewhere the bills of a pause are made and voided, and its periods are terms nobody paid.
    """
    at = epoch(now)
    for customer in billing.customers:
        for story in customer.subscriptions:
            if story.created <= at and not story.never_started:
                yield from _terms(customer, story, at, are_signed)


def _terms(customer: Customer, story: Subscription, now: int, are_signed: bool) -> Iterator[Term]:
    spans = [cycle for cycle in cycles(story, now + 1) if not cycle.is_trial]
    if are_signed and is_signed(story):
        spans = _agreed(story, now)
    elif are_signed:
        spans = [cycle for cycle in spans if not _is_paused(story, cycle)]
    spans = [span for span in spans if span.end - span.start >= SHORTEST_DAYS * DAY]
    for place, span in enumerate(spans):
        following = spans[place + 1].start if place + 1 < len(spans) else None
        ends = [end for end in (story.ended_at, following) if end is not None and end <= now]
        last = day_of(min(ends)) if ends else None
        yield Term(
            customer_id=customer.id,
            subscription_id=story.id,
            starts_on=day_of(span.start),
            ends_on=day_of(span.end),
            ended_on=last if last is not None and last < day_of(span.end) else None,
            annual_amount=_a_year(customer, story, span.start),
            currency=customer.currency,
            is_signed=are_signed and is_signed(story),
        )


def is_signed(story: Subscription) -> bool:
    """Has the customer signed for a year?"""
    interval = interval_of(story.changes[0].items)
    return story.pays_after is not None and interval.unit in MONTHS


def _agreed(story: Subscription, now: int) -> list[Cycle]:
    stop = now + 1 if story.ended_at is None else min(now + 1, story.ended_at)
    return list(cycles_from(story.created, Interval("month", TERM_MONTHS), stop))


def _is_paused(story: Subscription, cycle: Cycle) -> bool:
    return any(
        pause.start <= cycle.start and (pause.end is None or cycle.start < pause.end)
        for pause in story.pauses
    )


def _a_year(customer: Customer, story: Subscription, at: int) -> Decimal:
    """The bill of a term's beginning, kept up for a year."""
    items = [item for item in items_at(story, at) if not item.price.is_metered]
    interval = interval_of(tuple(items))
    whole = sum(billed_amounts(story, items, at, customer.currency), Decimal(0))
    months = MONTHS[interval.unit] * interval.count
    return (whole * 12 / months).quantize(CENT, ROUND_HALF_UP)


# Nothing for `sandbox.truth` to write: which terms there are depends on the billing system.
TABLES: dict[str, Callable[..., object]] = {}
