"""Customers, subscriptions with their items, and contract terms, as Chargebee shows them.

Belongs here: who subscribes to what, as of an instant. Does not: documents
(`shapes_documents.py`), or since when something looks so (`lives.py`).
Sources: https://apidocs.chargebee.com/docs/api/subscriptions,
https://apidocs.chargebee.com/docs/api/customers
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from revops_pipelines.sandbox.chargebee import catalog, ids
from revops_pipelines.sandbox.chargebee.lives import Life
from revops_pipelines.sandbox.chargebee.papers import Bill
from revops_pipelines.sandbox.chargebee.worth import mrr
from revops_pipelines.sandbox.frame import Crm
from revops_pipelines.sandbox.world.billing_calendar import DAY, boundary, day_of
from revops_pipelines.sandbox.world.billing_money import percent_of
from revops_pipelines.sandbox.world.billing_records import CustomerRecord, SubscriptionLook
from revops_pipelines.sandbox.world.billing_story import (
    Customer,
    Item,
    Rebate,
    Subscription,
    interval_of,
)

BASE_CURRENCY = "USD"
NET_DAYS = 30
# Notice of so many days ends a contract term.
NOTICE_DAYS = 30
# Billing cycles of a contract term, by interval; others have no contract.
TERM_CYCLES = {("month", 3): 4, ("year", 1): 1}


class Rates(Protocol):
    """Rates of exchange by month."""

    def monthly_rate(self, currency: str, month: date) -> Decimal:
        """Dollars for one unit of the currency in the month of that day."""


def exchange(rates: Rates, currency: str, at: int) -> dict[str, Any]:
    """What a record says of currencies."""
    return {
        "currency_code": currency,
        "base_currency_code": BASE_CURRENCY,
        "exchange_rate": float(rates.monthly_rate(currency, day_of(at))),
    }


def customers(crm: Crm) -> Callable[[CustomerRecord, int], dict[str, Any]]:
    """How a customer looks; what the company adds to it has names that begin with `cf_`."""

    def customer(record: CustomerRecord, at: int) -> dict[str, Any]:
        return _customer(record, at) | _custom(record.story, crm)

    return customer


def _custom(story: Customer, crm: Crm) -> dict[str, str]:
    """Custom fields; one of them names the CRM's company."""
    fields = {f"cf_{name}": value for name, value in story.metadata}
    told = fields.pop("cf_hubspot_company_id", None)
    if told is not None:
        fields[f"cf_{crm.metadata_key}"] = crm.account_id(told)
    return fields


def _customer(record: CustomerRecord, at: int) -> dict[str, Any]:
    story = record.story
    look = record.looks[max(0, bisect_right(record.changed_at, at) - 1)]
    shown: dict[str, Any] = {
        "id": ids.customer_id(story.id),
        "company": story.account.name,
        "auto_collection": "on",
        "net_term_days": 0,
        "allow_direct_debit": False,
        "created_at": story.created,
        "taxability": "taxable",
        "locale": "en-US",
        "pii_cleared": "active",
        "channel": "web",
        "deleted": False,
        "object": "customer",
        "billing_address": address(story),
        "card_status": "valid" if story.subscriptions else "no_card",
        "promotional_credits": 0,
        "refundable_credits": -look.balance,
        "excess_payments": 0,
        "unbilled_charges": 0,
        "preferred_currency_code": story.currency,
    }
    if story.email is not None:
        shown["email"] = story.email
    return shown


def address(story: Customer) -> dict[str, Any]:
    """Only the country is known."""
    return {
        "company": story.account.name,
        "country": story.account.country,
        "validation_status": "not_validated",
        "object": "billing_address",
    }


@dataclass(frozen=True)
class Subscriptions:
    """Renders subscriptions; they show what is owed on their invoices."""

    rates: Rates
    bills: Mapping[str, Sequence[Bill]]
    is_first_catalog: bool

    def shape(self, life: Life, at: int) -> dict[str, Any]:
        """A subscription as of an instant."""
        record, look = life.record, life.look(at)
        story, owner = record.story, record.customer
        rebate = _rebate(story.rebate, at)
        state = _status(life, look, at)
        worth = mrr(look.items, rebate) if state in ("active", "non_renewing") else 0
        interval = interval_of(look.items)
        shown: dict[str, Any] = {
            "id": life.id,
            "customer_id": ids.customer_id(owner.id),
            "status": state,
            "billing_period": interval.count,
            "billing_period_unit": interval.unit,
            "auto_collection": "on" if story.pays_after is None else "off",
            "created_at": story.created,
            "started_at": story.created,
            "has_scheduled_advance_invoices": False,
            "channel": "web",
            "deleted": False,
            "object": "subscription",
            "mrr": worth,
            "arr": worth * 12,
            **exchange(self.rates, owner.currency, at),
            **_dates(life, look, state, at),
            **self._dues(story, at),
            **(_first_catalog(look.items) if self.is_first_catalog else _items(look.items)),
        }
        if rebate is not None:
            shown["coupons"] = [_coupon(rebate, self.bills.get(story.id, ()), at)]
        term = contract_terms(life, at)
        if term:
            shown["contract_term"] = term[-1]
        return shown

    def _dues(self, story: Subscription, at: int) -> dict[str, Any]:
        owed = [
            bill
            for bill in self.bills.get(story.id, ())
            if bill.source.amount_due > 0
            and bill.issued_at <= at
            and (bill.source.due_at or bill.issued_at) <= at
            and not _is_settled(bill, at)
        ]
        if not owed:
            return {"due_invoices_count": 0}
        return {
            "due_invoices_count": len(owed),
            "due_since": min(bill.source.due_at or bill.issued_at for bill in owed),
            "total_dues": sum(bill.source.amount_due for bill in owed),
        }


def _is_settled(bill: Bill, at: int) -> bool:
    ends = (bill.source.paid_at, bill.source.written_off_at)
    return any(end is not None and end <= at for end in ends)


def _status(life: Life, look: SubscriptionLook, at: int) -> str:
    story = life.record.story
    if look.ended_at is not None:
        return "cancelled"
    if story.trial_end is not None and at < story.trial_end:
        return "in_trial"
    if life.pause(at) is not None:
        return "paused"
    return "non_renewing" if look.cancel_at_period_end else "active"


def _dates(life: Life, look: SubscriptionLook, state: str, at: int) -> dict[str, Any]:
    story = life.record.story
    change_at = life.scheduled_for(at)
    shown: dict[str, Any] = {"has_scheduled_changes": change_at is not None}
    if change_at is not None:
        shown["changes_scheduled_at"] = change_at
    if story.trial_end is not None:
        shown |= {"trial_start": story.created, "trial_end": story.trial_end}
    if state != "in_trial":
        started = story.trial_end or story.created
        if started <= at and not (state == "cancelled" and look.ended_at == story.trial_end):
            shown["activated_at"] = started
        shown |= {"current_term_start": look.period_start, "current_term_end": look.period_end}
    if state in ("active", "in_trial"):
        shown["next_billing_at"] = look.period_end
    return shown | _pause(life, at) | _end(life, look)


def _pause(life: Life, at: int) -> dict[str, Any]:
    for pause in life.record.story.pauses:
        if pause.set_at <= at and (pause.end is None or at < pause.end):
            shown = {"pause_date": pause.start}
            if pause.unset_at is not None and pause.unset_at <= at and pause.end is not None:
                shown["resume_date"] = pause.end
            return shown
    return {}


def _end(life: Life, look: SubscriptionLook) -> dict[str, Any]:
    """`cancelled_at` is told ahead, once it is asked for."""
    ending = life.record.story.ending
    if ending is None or (look.ended_at is None and not look.cancel_at_period_end):
        return {}
    shown: dict[str, Any] = {"cancelled_at": ending.at}
    if ending.requested_at != ending.at:
        shown["cancel_schedule_created_at"] = ending.requested_at
    if ending.kind == "payment_failed":
        shown["cancel_reason"] = "not_paid"
    elif ending.feedback is not None:
        shown["cancel_reason_code"] = ending.feedback.replace("_", " ").capitalize()
    return shown


def _items(items: Sequence[Item]) -> dict[str, Any]:
    return {"subscription_items": [_item(item, not place) for place, item in enumerate(items)]}


def _item(item: Item, is_main: bool) -> dict[str, Any]:
    """https://apidocs.chargebee.com/docs/api/subscriptions/subscription-object"""
    price = item.price
    sold = catalog.sold_as(price, is_main)
    shown: dict[str, Any] = {
        "item_price_id": sold.id,
        "item_type": sold.item.kind,
        "free_quantity": 0,
        "object": "subscription_item",
    }
    if price.is_metered:
        return shown | {"metered_quantity": "0"}
    return shown | _worth_of(item)


def _worth_of(item: Item) -> dict[str, Any]:
    """Quantity and price; what is less than a minor unit is told in decimals only."""
    price = item.price
    shown: dict[str, Any] = {
        "quantity": item.quantity,
        "unit_price": catalog.unit_price(price),
        "amount": price.amount(item.quantity),
    }
    if price.unit_thousandths % 1_000:
        shown["unit_price_in_decimal"] = catalog.in_decimal(price.unit_thousandths, price.currency)
    return shown


def _first_catalog(items: Sequence[Item]) -> dict[str, Any]:
    """Product Catalog 1.0: the plan is a part of the subscription, the rest are add-ons."""
    main, *extras = items
    shown: dict[str, Any] = {
        "plan_id": catalog.sold_as(main.price, is_main=True).id,
        "plan_quantity": main.quantity,
        "plan_unit_price": catalog.unit_price(main.price),
        "plan_amount": main.price.amount(main.quantity),
        "plan_free_quantity": 0,
    }
    addons = [
        {
            "id": catalog.sold_as(item.price, is_main=False).id,
            **_worth_of(item),
            "object": "addon",
        }
        for item in extras
        if not item.price.is_metered
    ]
    return shown | ({"addons": addons} if addons else {})


def _rebate(rebate: Rebate | None, at: int) -> Rebate | None:
    """A coupon for once is used up by the first invoice and leaves the subscription."""
    if rebate is None or rebate.coupon.duration == "once" or not rebate.holds(at):
        return None
    return rebate


def _coupon(rebate: Rebate, bills: Sequence[Bill], at: int) -> dict[str, Any]:
    applied = sum(bill.source.rebate is not None and bill.issued_at <= at for bill in bills)
    shown: dict[str, Any] = {"coupon_id": rebate.coupon.id, "applied_count": applied}
    if rebate.end is not None:
        shown["apply_till"] = rebate.end
    return shown | {"object": "coupon"}


def contract_terms(life: Life, at: int) -> list[dict[str, Any]]:
    """The contract terms that began by an instant: who pays by transfer has signed for a year."""
    story = life.record.story
    first = story.changes[0].items
    interval = first[0].price.interval
    if story.pays_after is None or interval is None:
        return []
    cycles = TERM_CYCLES.get((interval.unit, interval.count))
    if cycles is None:
        return []
    look, found = life.look(at), []
    worth = _worth(look.items, _rebate(story.rebate, at)) * cycles
    number, start = 0, story.created
    while start <= at and (look.ended_at is None or start < look.ended_at):
        end = boundary(story.created, interval, (number + 1) * cycles)
        state = "completed" if end <= at else "active"
        if look.ended_at is not None and look.ended_at < end:
            state = "terminated"
        found.append(
            {
                "id": f"{life.id}-{number + 1}",
                "status": state,
                "contract_start": start,
                "contract_end": end,
                "billing_cycle": cycles,
                "action_at_term_end": "cancel" if look.cancel_at_period_end else "renew",
                "total_contract_value": worth,
                "total_contract_value_before_tax": worth,
                "cancellation_cutoff_period": NOTICE_DAYS,
                "created_at": start,
                "subscription_id": life.id,
                "remaining_billing_cycles": max(0, -(-(end - at) * cycles // (365 * DAY)) - 1),
                "object": "contract_term",
            }
        )
        number, start = number + 1, end
    return found


def _worth(items: Sequence[Item], rebate: Rebate | None) -> int:
    whole = sum(item.price.amount(item.quantity) for item in items if not item.price.is_metered)
    points = rebate.coupon.basis_points if rebate is not None else None
    return whole - percent_of(whole, points) if points is not None else whole
