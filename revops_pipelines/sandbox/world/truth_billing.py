"""What is true of billing: the ledger and the MRR of every customer, from the intentions.

Belongs here: the ledger, monthly movements and links, computed from `billing_story` alone, in
Decimal. Does not: anything that looks at a bill, or at how the pipelines compute the same; counts
of each mess (`truth_billing_counts.py`).

The rules:
- An item is worth price x quantity a billing period, less the coupon the period was billed under,
  by the month: quarter / 3, year / 12, week x 52 / 12, half up to the cent, before tax. Metered
  items count nothing. Zero-decimal currencies are stored in major units as well. Beside it stand
  its worth before any coupon, under a coupon that goes on beyond one bill (`recurring`), and under
  one without an end (`lasting`).
- A day shows what is in force at its end. Trials are worth nothing; voided periods are `paused`.
- Past due from the day the first unpaid bill was issued; `unpaid` from the 30th day after; as
  before from the day of payment. Only `active` and `past_due` count.
- A month's MRR is that of its last day at the month's rate, rounded once per customer. What the
  opening gains or loses by being valued at the new rate is `fx`; nothing else is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from revops_pipelines.sandbox.world.billing import Billing
from revops_pipelines.sandbox.world.billing_calendar import (
    DAY,
    Interval,
    cycles_from,
    day_of,
    day_start,
    epoch,
    month_starts,
    next_month,
)
from revops_pipelines.sandbox.world.billing_money import ZERO_DECIMAL
from revops_pipelines.sandbox.world.billing_story import (
    Customer,
    Item,
    Subscription,
    items_at,
    period_at,
)

PAST_DUE_DAYS = 30
COUNTED = ("active", "past_due")
CENT = Decimal("0.01")
ZERO = Decimal(0)
# How long coupons last.
DURATIONS = ("once", "repeating", "forever")
# Columns of the ledger that say what an item is worth.
WORTHS = (
    "monthly_amount",
    "list_monthly_amount",
    "recurring_monthly_amount",
    "lasting_monthly_amount",
    "billing_interval",
    "billing_interval_count",
)
MOVEMENTS = ("new", "expansion", "contraction", "churn", "reactivation", "fx")
# Months in one unit of an interval, as (numerator, denominator).
MONTHS = {
    "month": (Decimal(1), Decimal(1)),
    "year": (Decimal(12), Decimal(1)),
    "week": (Decimal(12), Decimal(52)),
    "day": (Decimal(12), Decimal(365)),
}


@dataclass(frozen=True, slots=True)
class Period:
    """An item's worth a month over `[from_on, to_on)`; `to_on` null while in force."""

    customer_id: str
    subscription_id: str
    item_id: str
    product: str
    quantity: int
    status: str
    monthly_amount: Decimal
    list_monthly_amount: Decimal
    recurring_monthly_amount: Decimal
    lasting_monthly_amount: Decimal
    interval: Interval
    currency: str
    from_on: date
    to_on: date | None


@dataclass(frozen=True, slots=True)
class _Worth:
    """What an item is worth a month: after its coupon, before it, and after those that go on."""

    net: Decimal
    listed: Decimal
    recurring: Decimal
    lasting: Decimal


@dataclass(frozen=True, slots=True)
class _State:
    status: str
    worth: _Worth
    product: str
    quantity: int
    interval: Interval


def ledger(billing: Billing, now: datetime) -> Iterator[Period]:
    """Every period that began by now, as it was meant; the future is not known."""
    at = epoch(now)
    for customer in billing.customers:
        yield from _customer_periods(customer, at)


def _customer_periods(customer: Customer, now: int) -> Iterator[Period]:
    for story in customer.subscriptions:
        if story.created <= now and not story.never_started:
            yield from _subscription_periods(customer, story, now)


def _subscription_periods(customer: Customer, story: Subscription, now: int) -> Iterator[Period]:
    days = sorted(day for day in _turning_days(story, now) if day <= day_of(now))
    looks = [(day, _states(story, customer.currency, day, now)) for day in days]
    names = {item.id for change in story.changes for item in change.items}
    for name in sorted(names):
        started: date | None = None
        last: _State | None = None
        for day, states in looks:
            state = states.get(name)
            if state == last:
                continue
            if last is not None and started is not None:
                yield _period(customer, story, name, last, started, day)
            started, last = day, state
        if last is not None and started is not None:
            yield _period(customer, story, name, last, started, None)


def _period(
    customer: Customer,
    story: Subscription,
    name: str,
    state: _State,
    from_on: date,
    to_on: date | None,
) -> Period:
    return Period(
        customer_id=customer.id,
        subscription_id=story.id,
        item_id=name,
        product=state.product,
        quantity=state.quantity,
        status=state.status,
        monthly_amount=state.worth.net,
        list_monthly_amount=state.worth.listed,
        recurring_monthly_amount=state.worth.recurring,
        lasting_monthly_amount=state.worth.lasting,
        interval=state.interval,
        currency=customer.currency,
        from_on=from_on,
        to_on=to_on,
    )


def _turning_days(story: Subscription, now: int) -> set[date]:
    """Every day on which something about a subscription may turn."""
    marks = {change.at for change in story.changes}
    marks |= {at for at in (story.trial_end, story.ended_at) if at is not None}
    for pause in story.pauses:
        marks |= {at for at in (pause.start, pause.end) if at is not None}
    for trouble in story.troubles:
        marks |= {trouble.issued_at, trouble.issued_at + PAST_DUE_DAYS * DAY}
        if trouble.recovered_at is not None:
            marks.add(trouble.recovered_at)
    if story.rebate is not None:
        # Each renewal may be billed under another coupon than the period before.
        first = story.changes[0].items[0].price.interval
        if first is not None:
            renewals = cycles_from(story.trial_end or story.created, first, now)
            marks |= {cycle.start for cycle in renewals}
    return {day_of(at) for at in marks}


def _states(story: Subscription, currency: str, day: date, now: int) -> dict[str, _State]:
    """What each licensed item is at the end of a day, or now where the day is not over."""
    at = min(day_start(day) + DAY - 1, now)
    if at < story.created or (story.ended_at is not None and story.ended_at <= at):
        return {}
    items = [item for item in items_at(story, at) if not item.price.is_metered]
    status = _status(story, day, at)
    found = {}
    for item, worth in zip(items, _worths(story, items, at, currency), strict=True):
        shown = status
        if status == "trialing":
            worth = _Worth(ZERO, ZERO, ZERO, ZERO)
        elif worth.net == 0:
            shown = "free"
        product = item.price.product.name
        found[item.id] = _State(shown, worth, product, item.quantity, _interval(item))
    return found


def _status(story: Subscription, day: date, at: int) -> str:
    if story.trial_end is not None and at < story.trial_end:
        return "trialing"
    if any(p.start <= at and (p.end is None or at < p.end) for p in story.pauses):
        return "paused"
    for trouble in story.troubles:
        if trouble.issued_at <= at and (trouble.recovered_at is None or at < trouble.recovered_at):
            waited = (day - day_of(trouble.issued_at)).days
            return "past_due" if waited < PAST_DUE_DAYS else "unpaid"
    return "active"


def _worths(story: Subscription, items: Sequence[Item], at: int, currency: str) -> Iterator[_Worth]:
    """The worth of each item a month in major units, under the coupon of the running period."""
    columns = [
        billed_amounts(story, items, at, currency, durations)
        for durations in (DURATIONS, (), ("repeating", "forever"), ("forever",))
    ]
    for item, amounts in zip(items, zip(*columns, strict=True), strict=True):
        yield _Worth(*(_monthly(amount, item) for amount in amounts))


def billed_amounts(
    story: Subscription,
    items: Sequence[Item],
    at: int,
    currency: str,
    durations: Sequence[str] = DURATIONS,
) -> list[Decimal]:
    """What a bill of the running period says of each item, after its coupon and before tax.

    A coupon of another duration than these is left out of account.
    """
    minor = Decimal(1) if currency in ZERO_DECIMAL else CENT
    gross = [_rounded(_unit(item) * item.quantity * minor, minor) for item in items]
    off = [ZERO] * len(gross)
    rebate = story.rebate
    if (
        rebate is not None
        and rebate.coupon.duration in durations
        and rebate.holds(period_at(story, at).start)
    ):
        off = _off(gross, rebate.coupon.basis_points, rebate.coupon.amount_off, minor)
    return [amount - less for amount, less in zip(gross, off, strict=True)]


def _unit(item: Item) -> Decimal:
    """The price in minor units, exact."""
    return Decimal(item.price.unit_thousandths) / 1000


def _off(
    gross: Sequence[Decimal], basis_points: int | None, amount_off: int | None, minor: Decimal
) -> list[Decimal]:
    """The discount on each amount; a fixed sum is shared, what is left over goes to the last."""
    if basis_points is not None:
        return [_rounded(amount * basis_points / 10_000, minor) for amount in gross]
    whole = sum(gross, ZERO)
    if whole == 0:
        return [ZERO] * len(gross)
    fixed = min((amount_off or 0) * minor, whole)
    shares = [(fixed * amount / whole // minor) * minor for amount in gross]
    shares[-1] += fixed - sum(shares, ZERO)
    return shares


def _monthly(amount: Decimal, item: Item) -> Decimal:
    interval = _interval(item)
    months, parts = MONTHS[interval.unit]
    return _rounded(amount * parts / (months * interval.count), CENT)


def _interval(item: Item) -> Interval:
    return item.price.interval or Interval("month", 1)


def _rounded(amount: Decimal, step: Decimal) -> Decimal:
    return (amount / step).quantize(Decimal(1), ROUND_HALF_UP) * step


def ledger_rows(billing: Billing, now: datetime) -> list[dict[str, Any]]:
    """The ledger as rows of `subscription_periods.csv`."""
    names = ("customer_id", "subscription_id", "item_id", "product", "quantity", "status")
    return [
        {name: getattr(period, name) for name in (*names, *WORTHS[:4])}
        | {
            "billing_interval": period.interval.unit,
            "billing_interval_count": period.interval.count,
            "currency": period.currency,
            "from_on": period.from_on,
            "to_on": period.to_on,
        }
        for period in ledger(billing, now)
    ]


def mrr_rows(billing: Billing, now: datetime) -> list[dict[str, Any]]:
    """MRR in US dollars by customer and closed month, from the customer's first paying month on.

    Rows of `mrr.csv`: opening + new + expansion + contraction + churn + reactivation + fx =
    closing; contraction and churn are negative or zero.
    """
    months = list(month_starts(day_of(billing.start), day_of(epoch(now))))
    closed = [month for month in months if next_month(month) <= day_of(epoch(now))]
    rates = {
        (currency, month): billing.rates.monthly_rate(currency, month)
        for currency in {customer.currency for customer in billing.customers}
        for month in closed
    }
    rows: list[dict[str, Any]] = []
    for customer in billing.customers:
        periods = [
            period for period in _customer_periods(customer, epoch(now)) if period.status in COUNTED
        ]
        by_month = {month: rates[customer.currency, month] for month in closed}
        rows += _movements(customer.id, periods, by_month)
    return rows


def _movements(
    customer_id: str, periods: Sequence[Period], rates: dict[date, Decimal]
) -> Iterator[dict[str, Any]]:
    local, opening, has_paid = ZERO, ZERO, False
    for month, rate in rates.items():
        before, local = local, _in_force(periods, next_month(month) - timedelta(days=1))
        closing = _rounded(local * rate, CENT)
        if closing > 0 or has_paid:
            moved = dict.fromkeys(MOVEMENTS, ZERO)
            moved |= _moved(
                opening,
                closing,
                fx=_rounded(before * rate, CENT) - opening,
                has_paid=has_paid,
            )
            yield {
                "customer_id": customer_id,
                "month": month,
                "opening": opening,
                **moved,
                "closing": closing,
            }
            has_paid = True
        opening = closing


def _moved(opening: Decimal, closing: Decimal, fx: Decimal, has_paid: bool) -> dict[str, Decimal]:
    if opening == 0:
        return {"reactivation" if has_paid else "new": closing}
    if closing == 0:
        return {"churn": -opening}
    rest = closing - opening - fx
    return {"fx": fx, "expansion" if rest > 0 else "contraction": rest}


def _in_force(periods: Sequence[Period], day: date) -> Decimal:
    return sum(
        (
            period.monthly_amount
            for period in periods
            if period.from_on <= day and (period.to_on is None or period.to_on > day)
        ),
        ZERO,
    )


def customer_rows(billing: Billing, now: datetime) -> list[dict[str, Any]]:
    """Rows of `customers.csv`: whose each customer is, and by what it can be recognised."""
    at = epoch(now)
    return [
        {
            "customer_id": customer.id,
            "account_hubspot_id": customer.account.hubspot_id,
            "link": customer.link,
            "currency": customer.currency,
            "plot": customer.plot,
            "is_deleted": customer.deleted_at is not None and customer.deleted_at <= at,
        }
        for customer in billing.customers
        if customer.created <= at
    ]


# What `sandbox.truth` writes, by table.
TABLES = {
    "mrr": lambda world, now: mrr_rows(world.billing, now),
    "subscription_periods": lambda world, now: ledger_rows(world.billing, now),
    "customers": lambda world, now: customer_rows(world.billing, now),
}
