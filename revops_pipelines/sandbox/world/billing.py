"""Billing: what the company's customers subscribe to and what becomes of it.

Belongs here: the whole billing simulation as one value. The parts: `billing_catalog` what is sold,
`billing_plots` and `billing_customers` what is meant to happen, `billing_till` what Stripe makes of
it, `truth_billing` what it is truly worth. Does not belong here: any vendor's shapes
(`sandbox/stripe`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import Protocol

from revops_pipelines.sandbox.world.billing_calendar import epoch
from revops_pipelines.sandbox.world.billing_catalog import Catalog, make_catalog
from revops_pipelines.sandbox.world.billing_customers import make_customers
from revops_pipelines.sandbox.world.billing_records import Books, CouponRecord
from revops_pipelines.sandbox.world.billing_story import Customer
from revops_pipelines.sandbox.world.billing_till import Till
from revops_pipelines.sandbox.world.company import Account


class Rates(Protocol):
    """Rates of exchange by month."""

    def monthly_rate(self, currency: str, month: date) -> Decimal:
        """Dollars for one unit of the currency in the month of that day."""


@dataclass(frozen=True, slots=True)
class Billing:
    """One simulated billing account: intentions (`customers`) and what came of them (`books`).

    `start` and `end` are epoch seconds; nothing is known of later.
    """

    seed: int
    start: int
    end: int
    catalog: Catalog
    customers: tuple[Customer, ...]
    books: Books
    rates: Rates


def simulate_billing(
    seed: int, accounts: Sequence[Account], start: datetime, end: datetime, rates: Rates
) -> Billing:
    """Bill every account that wins before the end. Deterministic in its arguments."""
    opens, until = epoch(start), epoch(end)
    catalog = make_catalog(seed, opens, until)
    customers = tuple(make_customers(seed, accounts, catalog, until))
    books = Books()
    for customer in customers:
        random = Random(f"{seed}:billing:till:{customer.account.index}")
        Till(customer, until, random, books).play()
    books.coupons = _coupons(catalog, customers)
    return Billing(seed, opens, until, catalog, customers, books, rates)


def _coupons(catalog: Catalog, customers: Sequence[Customer]) -> list[CouponRecord]:
    redeemed: dict[str, list[int]] = {key: [] for key in catalog.coupons}
    for customer in customers:
        for subscription in customer.subscriptions:
            if subscription.rebate is not None:
                redeemed[subscription.rebate.coupon.id].append(subscription.created)
    return [CouponRecord(coupon, sorted(redeemed[key])) for key, coupon in catalog.coupons.items()]
