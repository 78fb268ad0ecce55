"""What the company sells: products, prices in four currencies and two price lists, coupons, taxes.

Belongs here: the catalogue and how to find a price in it. Does not: who bought what.

The second price list replaces the first in the middle of the history: the old prices go inactive,
customers who bought at them keep them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from revops_pipelines.sandbox.world.billing_calendar import (
    DAY,
    MONTHLY,
    QUARTERLY,
    WEEKLY,
    YEARLY,
    Interval,
)
from revops_pipelines.sandbox.world.billing_ids import core
from revops_pipelines.sandbox.world.billing_money import ZERO_DECIMAL, half_up

LISTED_DAYS_BEFORE = 400
SECOND_LIST_AFTER_SHARE = 0.5

# key: (name, unit label, cents a month in USD)
PLANS: Mapping[str, tuple[str, str | None, int]] = {
    "free": ("Free", None, 0),
    "starter": ("Starter", None, 4_900),
    "team": ("Team", "seat", 2_900),
    "business": ("Business", "seat", 5_900),
    "enterprise": ("Enterprise", "seat", 9_900),
    "support": ("Priority support", None, 19_900),
}
# Add-ons that large customers buy by the dozen, so that nested lists run over their first page.
MODULES = 14
MODULE_CENTS = 3_500
# Charged for so many months per period: longer commitments are cheaper. In hundredths.
FACTORS: Mapping[str, tuple[Interval, int]] = {
    "week": (WEEKLY, 27),
    "month": (MONTHLY, 100),
    "quarter": (QUARTERLY, 285),
    "year": (YEARLY, 1_000),
}
# What a US cent becomes in each currency's minor unit, in hundredths.
CURRENCIES: Mapping[str, int] = {"USD": 100, "EUR": 93, "GBP": 81, "JPY": 150}
SECOND_LIST_PERCENT = 108
# country: (percentage in hundredths, type as Stripe names it)
TAXES: Mapping[str, tuple[int, str]] = {
    "GB": (2_000, "vat"),
    "DE": (1_900, "vat"),
    "FR": (2_000, "vat"),
    "NL": (2_100, "vat"),
    "ES": (2_100, "vat"),
    "IE": (2_300, "vat"),
    "JP": (1_000, "jct"),
    "CA": (500, "gst"),
}


@dataclass(frozen=True, slots=True)
class Product:
    """Something sold. `created` in epoch seconds."""

    id: str
    key: str
    name: str
    unit_label: str | None
    created: int
    updated: int


@dataclass(frozen=True, slots=True)
class Price:
    """What a product costs. `unit_thousandths` is in thousandths of the currency's minor unit.

    `interval` is null for one-time prices; `inactive_at` is when the price list was replaced.
    """

    id: str
    product: Product
    currency: str
    interval: Interval | None
    unit_thousandths: int
    is_metered: bool
    created: int
    inactive_at: int | None

    def amount(self, quantity: int) -> int:
        """What so many cost, in minor units."""
        return half_up(self.unit_thousandths * quantity, 1_000)


@dataclass(frozen=True, slots=True)
class Coupon:
    """A rebate: `basis_points` (hundredths of a percent) or `amount_off` minor units a bill."""

    id: str
    name: str
    basis_points: int | None
    amount_off: int | None
    currency: str | None
    duration: str
    months: int | None
    created: int


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A tax on top of the price, in hundredths of a percent."""

    id: str
    country: str
    basis_points: int
    kind: str
    created: int


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything that can be sold; prices by (product, interval name, currency, price list)."""

    products: Mapping[str, Product]
    prices: Mapping[tuple[str, str, str, int], Price]
    coupons: Mapping[str, Coupon]
    taxes: Mapping[str, TaxRate]
    second_list_at: int

    def price(self, plan: str, interval: str, currency: str, at: int) -> Price:
        """The price on offer at an instant. KeyError when the plan is not offered so."""
        return self.prices[plan, interval, currency, 1 if at < self.second_list_at else 2]


def make_catalog(seed: int, start: int, end: int) -> Catalog:
    """The catalogue of a company whose history runs from start to end, epoch seconds."""
    random = Random(f"{seed}:billing:catalog")
    created = start - LISTED_DAYS_BEFORE * DAY
    second = start + int((end - start) * SECOND_LIST_AFTER_SHARE)
    names = {key: (name, label) for key, (name, label, _) in PLANS.items()}
    names |= {
        "viewer": ("Viewer seats", "viewer"),
        "calls": ("API calls", "call"),
        "onboarding": ("Onboarding", None),
    }
    names |= {module: (f"Module {place + 1}", None) for place, module in enumerate(modules())}
    products = {
        key: Product(f"prod_{core(random, 14)}", key, name, label, created + place, second)
        for place, (key, (name, label)) in enumerate(names.items())
    }
    prices: dict[tuple[str, str, str, int], Price] = {}
    for number, since, until in ((1, created + 60, second), (2, second, None)):
        for key, interval, currency, unit in _offers(number):
            product = products[key]
            spacing = FACTORS[interval][0] if interval in FACTORS else None
            price = Price(
                f"price_1{core(random, 23)}",
                product,
                currency,
                spacing,
                unit,
                key == "calls",
                since,
                until,
            )
            prices[key, interval, currency, number] = price
    return Catalog(
        products, prices, _coupons(created), _taxes(random, created), second_list_at=second
    )


def modules() -> list[str]:
    """The keys of the modules."""
    return [f"module_{place:02d}" for place in range(1, MODULES + 1)]


def _offers(price_list: int) -> list[tuple[str, str, str, int]]:
    """(product, interval, currency, thousandths of the minor unit) of one price list."""
    percent = SECOND_LIST_PERCENT if price_list == 2 else 100
    offers = []
    for currency in CURRENCIES:
        for key, (_, _, cents) in PLANS.items():
            for interval, (_, factor) in FACTORS.items():
                unit = _neat(cents * factor * percent, currency)
                offers.append((key, interval, currency, unit * 1_000))
        for place, module in enumerate(modules()):
            for interval in ("month", "year"):
                cents = (MODULE_CENTS + 250 * place) * FACTORS[interval][1] * percent
                offers.append((module, interval, currency, _neat(cents, currency) * 1_000))
        # Half a minor unit and less: prices that only `unit_amount_decimal` can say.
        offers.append(("viewer", "month", currency, _neat(1_200 * 10_000, currency) * 1_000 + 500))
        offers.append(("calls", "month", currency, 400))
        offers.append(("onboarding", "once", currency, _neat(250_000 * 10_000, currency) * 1_000))
    return offers


def _neat(cents: int, currency: str) -> int:
    """Ten-thousandths of a US cent as a whole amount in the currency, as price lists have them."""
    amount = half_up(cents * CURRENCIES[currency], 1_000_000)
    return amount if currency in ZERO_DECIMAL else half_up(amount, 10) * 10


def _coupons(created: int) -> dict[str, Coupon]:
    def percent(key: str, points: int, duration: str, months: int | None = None) -> Coupon:
        name = f"{points / 100:g}% off"
        return Coupon(key, name, points, None, None, duration, months, created)

    found = [
        percent("WELCOME50", 5_000, "once"),
        percent("SPRING30", 3_000, "repeating", 3),
        percent("LOYAL15", 1_500, "forever"),
        percent("NONPROFIT12", 1_250, "forever"),
        percent("PARTNER100", 10_000, "forever"),
        percent("TWOFREE", 10_000, "repeating", 2),
    ]
    for currency in CURRENCIES:
        off = _neat(2_000 * 10_000, currency)
        for duration, months in (("once", None), ("repeating", 6), ("forever", None)):
            key = f"SAVE20{currency}{duration.upper()}"
            found.append(
                Coupon(key, f"20 {currency} off", None, off, currency, duration, months, created)
            )
    return {coupon.id: coupon for coupon in found}


def _taxes(random: Random, created: int) -> dict[str, TaxRate]:
    return {
        country: TaxRate(f"txr_1{core(random, 23)}", country, points, kind, created)
        for country, (points, kind) in TAXES.items()
    }
