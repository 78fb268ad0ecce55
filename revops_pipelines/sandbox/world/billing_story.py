"""What is meant to happen to each billed customer: the intentions that both the bills and the truth
are made from, each by its own code.

Belongs here: frozen records of intentions, and the billing periods that follow from them. Does not:
how intentions are chosen (`billing_plots.py`), what Stripe makes of them (`billing_till.py`) or
what they are worth a month (`truth_billing.py`).

All instants are epoch seconds of UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from revops_pipelines.sandbox.world.billing_calendar import (
    Cycle,
    Interval,
    boundary,
    cycles_from,
)
from revops_pipelines.sandbox.world.billing_catalog import Coupon, Price, TaxRate
from revops_pipelines.sandbox.world.company import Account

EndKind = Literal["at_period_end", "at_once", "payment_failed", "expired"]
Link = Literal["metadata", "email_domain", "generic_email", "nothing"]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a subscription. `id` stays while price and quantity change."""

    id: str
    price: Price
    quantity: int


@dataclass(frozen=True, slots=True)
class Change:
    """From this instant the subscription has these items; the first change is its creation.

    `bills` says when the prorations are billed: `at_once`, with the next `cycle`, or `none`.
    `resets` means that a new billing period of the items' interval begins with the change.
    """

    at: int
    items: tuple[Item, ...]
    bills: Literal["at_once", "cycle", "none"]
    resets: bool


@dataclass(frozen=True, slots=True)
class Rebate:
    """A coupon applied to a subscription from its creation; `end` null without an end."""

    id: str
    coupon: Coupon
    start: int
    end: int | None

    def holds(self, at: int) -> bool:
        """Is a bill made at that instant reduced?"""
        if self.coupon.duration == "once":
            return at == self.start
        return at >= self.start and (self.end is None or at < self.end)


@dataclass(frozen=True, slots=True)
class Pause:
    """Bills from the period that starts at `start` to the one that ends at `end` are voided.

    Collection is paused and resumed a little earlier, on the same UTC days: `set_at`, `unset_at`;
    both `end` and `unset_at` are null while nobody resumes.
    """

    set_at: int
    start: int
    end: int | None
    unset_at: int | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Payments fail from the bill of the period that starts at `start`, issued at `issued_at`.

    All open bills are paid at `recovered_at`; null when that never happens.
    """

    start: int
    issued_at: int
    recovered_at: int | None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a subscription ends. `credits` gives back the unused time on a last bill."""

    kind: EndKind
    requested_at: int
    at: int
    credits: bool = False
    feedback: str | None = None
    writes_off: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription's life. `issue_delay` is how long a renewal's bill stays a draft.

    `never_started` subscriptions failed their first payment and expired. `pays_after` is set where
    the bill is sent and paid by transfer: seconds from its issue to the payment.
    """

    id: str
    created: int
    trial_end: int | None
    changes: tuple[Change, ...]
    issue_delay: int
    rebate: Rebate | None = None
    pauses: tuple[Pause, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    ending: Ending | None = None
    never_started: bool = False
    pays_after: int | None = None
    metadata: tuple[tuple[str, str], ...] = ()

    @property
    def interval(self) -> Interval:
        """The interval of the latest items."""
        return interval_of(self.changes[-1].items)

    @property
    def ended_at(self) -> int | None:
        """When it ends, if it does."""
        return self.ending.at if self.ending else None


@dataclass(frozen=True, slots=True)
class OneOff:
    """A bill that is not for a subscription, paid at once."""

    at: int
    price: Price


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Money returned: of the customer's paid bill `place`, so many hundredths, `after` seconds."""

    place: int
    hundredths: int
    after: int
    with_credit_note: bool


@dataclass(frozen=True, slots=True)
class Customer:
    """One billed customer's life. `link` says how it can be recognised as the CRM's company."""

    id: str
    account: Account
    created: int
    email: str | None
    link: Link
    metadata: tuple[tuple[str, str], ...]
    prefix: str
    tax: TaxRate | None
    plot: str
    subscriptions: tuple[Subscription, ...]
    one_offs: tuple[OneOff, ...]
    refunds: tuple[GivenBack, ...]
    deleted_at: int | None

    @property
    def currency(self) -> str:
        """Currency it is billed in, upper case."""
        return self.account.currency


def interval_of(items: tuple[Item, ...]) -> Interval:
    """The one interval that all items of a subscription share. ValueError without any."""
    for item in items:
        if item.price.interval is not None:
            return item.price.interval
    raise ValueError("a subscription needs a recurring price")


def cycles(story: Subscription, until: int) -> Iterator[Cycle]:
    """The billing periods that begin before `until` and before the end, in order.

    A period cut short by a change that resets the anchor keeps the end it was billed to. A period
    that would start the very second the subscription ends does not exist.
    """
    stop = until if story.ended_at is None else min(until, story.ended_at)
    if story.trial_end is not None:
        yield Cycle(story.created, story.trial_end, is_trial=True)
    anchors = [(story.trial_end or story.created, interval_of(story.changes[0].items))]
    anchors += [(step.at, interval_of(step.items)) for step in story.changes[1:] if step.resets]
    for place, (anchor, interval) in enumerate(anchors):
        following = anchors[place + 1][0] if place + 1 < len(anchors) else stop
        yield from cycles_from(anchor, interval, min(following, stop))


def items_at(story: Subscription, at: int) -> tuple[Item, ...]:
    """The items in force at an instant; changes at the very instant are in force."""
    found = story.changes[0].items
    for change in story.changes:
        if change.at <= at:
            found = change.items
    return found


def period_at(story: Subscription, at: int) -> Cycle:
    """The billing period that an instant falls in, its own start included."""
    if story.trial_end is not None and at < story.trial_end:
        return Cycle(story.created, story.trial_end, is_trial=True)
    anchor, interval = story.trial_end or story.created, interval_of(story.changes[0].items)
    for change in story.changes[1:]:
        if change.resets and change.at <= at:
            anchor, interval = change.at, interval_of(change.items)
    number = _guess(anchor, interval, at)
    while boundary(anchor, interval, number + 1) <= at:
        number += 1
    return Cycle(boundary(anchor, interval, number), boundary(anchor, interval, number + 1))


def _guess(anchor: int, interval: Interval, at: int) -> int:
    """A period number that is not after the right one, and near."""
    longest = {"day": 1, "week": 7, "month": 31, "year": 366}[interval.unit] * 86_400
    return max(0, (at - anchor) // (longest * interval.count))
