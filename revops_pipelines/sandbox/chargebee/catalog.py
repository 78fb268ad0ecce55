"""What is sold, as Chargebee has it: items and their prices, or plans and add-ons.

Belongs here: which item price a price of the world is, and the shapes of both product catalogs.
Does not: who bought it (`shapes_subscription.py`).

A product that is sold alone and as an extra is a plan item and an add-on item.
Sources: https://apidocs.chargebee.com/docs/api/item_prices,
https://apidocs.chargebee.com/docs/api/plans
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from revops_pipelines.sandbox.world.billing_catalog import PLANS, Catalog, Price, Product
from revops_pipelines.sandbox.world.billing_money import ZERO_DECIMAL, half_up
from revops_pipelines.sandbox.world.billing_records import CouponRecord

FAMILY = "northbeam"
PLAN, ADDON, CHARGE = "plan", "addon", "charge"
ALSO_ADDONS = ("support",)
_PERIODS = {
    ("week", 1): "Weekly",
    ("month", 1): "Monthly",
    ("month", 3): "Quarterly",
    ("year", 1): "Yearly",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A product in the role in which it is sold."""

    product: Product
    kind: str

    @property
    def id(self) -> str:
        """The item's identifier."""
        is_both = self.kind == ADDON and self.product.key in ALSO_ADDONS
        return f"{self.product.key}-addon" if is_both else self.product.key

    @property
    def is_metered(self) -> bool:
        """Charged by what was used."""
        return self.product.key == "calls"

    @property
    def looks(self) -> tuple[int, ...]:
        """Since when it looks how."""
        return (self.product.created, self.product.updated)


@dataclass(frozen=True, slots=True)
class ItemPrice:
    """A price of an item. The second price list has identifiers of its own."""

    item: Item
    price: Price

    @property
    def id(self) -> str:
        """The item price's identifier, and the plan's or add-on's in Product Catalog 1.0."""
        interval = self.price.interval
        every = f"-{_PERIODS[interval.unit, interval.count]}" if interval else ""
        version = "-v1" if self.price.inactive_at is not None else "-v2"
        return f"{self.item.id}-{self.price.currency}{every}{version}"

    @property
    def looks(self) -> tuple[int, ...]:
        """Creation, and when it was archived."""
        archived = self.price.inactive_at
        return (self.price.created, *((archived,) if archived is not None else ()))


def role_of(product: Product) -> str:
    """What a product is where it stands alone."""
    if product.key in PLANS:
        return PLAN
    return CHARGE if product.key == "onboarding" else ADDON


def sold_as(price: Price, is_main: bool) -> ItemPrice:
    """The item price that a subscription's item has, by its place among them."""
    kind = role_of(price.product)
    if not is_main and kind == PLAN:
        kind = ADDON
    return ItemPrice(Item(price.product, kind), price)


def items(catalog: Catalog) -> list[Item]:
    """All items."""
    return list(dict.fromkeys(priced.item for priced in item_prices(catalog)))


def item_prices(catalog: Catalog) -> list[ItemPrice]:
    """All item prices."""
    return list(_prices(catalog))


def _prices(catalog: Catalog) -> Iterator[ItemPrice]:
    for price in catalog.prices.values():
        yield sold_as(price, is_main=True)
        if price.product.key in ALSO_ADDONS:
            yield sold_as(price, is_main=False)


def unit_price(price: Price) -> int:
    """The price in whole minor units."""
    return half_up(price.unit_thousandths, 1_000)


def in_decimal(thousandths: int, currency: str) -> str:
    """Thousandths of a minor unit in major units, as sites with many decimals write them.

    >>> in_decimal(1_200_500, "USD"), in_decimal(400, "JPY")
    ('12.005', '0.4')
    """
    places = 3 if currency in ZERO_DECIMAL else 5
    whole, part = divmod(thousandths, 10**places)
    return f"{whole}.{part:0{places}d}".rstrip("0").rstrip(".")


def item_family(record: Product, at: int) -> dict[str, Any]:
    """The one family that all is in."""
    return {
        "id": FAMILY,
        "name": "Northbeam",
        "status": "active",
        "channel": "web",
        "object": "item_family",
    }


def item(record: Item, at: int) -> dict[str, Any]:
    """https://apidocs.chargebee.com/docs/api/items"""
    return {
        "id": record.id,
        "name": record.product.name,
        "external_name": record.product.name,
        "status": "active",
        "item_family_id": FAMILY,
        "type": record.kind,
        "is_shippable": False,
        "is_giftable": False,
        "enabled_for_checkout": True,
        "enabled_in_portal": True,
        "included_in_mrr": record.kind != CHARGE,
        "item_applicability": "all",
        **({"unit": record.product.unit_label} if record.product.unit_label else {}),
        "metered": record.is_metered,
        **({"usage_calculation": "sum_of_usages"} if record.is_metered else {}),
        "channel": "web",
        "object": "item",
    }


def item_price(record: ItemPrice, at: int) -> dict[str, Any]:
    """https://apidocs.chargebee.com/docs/api/item_prices"""
    return {
        "id": record.id,
        "name": record.id.replace("-", " "),
        "external_name": record.item.product.name,
        "item_family_id": FAMILY,
        "item_id": record.item.id,
        "item_type": record.item.kind,
        **_priced(record, at),
        "object": "item_price",
    }


def _priced(record: ItemPrice, at: int) -> dict[str, Any]:
    price, archived = record.price, record.price.inactive_at
    shown: dict[str, Any] = {
        "status": "archived" if archived is not None and archived <= at else "active",
        "pricing_model": "per_unit",
        "price": unit_price(price),
        "currency_code": price.currency,
        "free_quantity": 0,
        "created_at": price.created,
        "channel": "web",
        "is_taxable": True,
    }
    if price.unit_thousandths % 1_000:
        shown["price_in_decimal"] = in_decimal(price.unit_thousandths, price.currency)
    if price.interval is not None:
        shown |= {"period": price.interval.count, "period_unit": price.interval.unit}
    if archived is not None and archived <= at:
        shown["archived_at"] = archived
    return shown


def plan(record: ItemPrice, at: int) -> dict[str, Any]:
    """A plan of Product Catalog 1.0: item and price in one."""
    name = record.item.product.name
    return {
        "id": record.id,
        "name": name,
        "invoice_name": name,
        **_priced(record, at),
        "charge_model": "per_unit",
        "addon_applicability": "all",
        "enabled_in_hosted_pages": True,
        "enabled_in_portal": True,
        "giftable": False,
        "is_shippable": False,
        "taxable": True,
        "object": "plan",
    }


def addon(record: ItemPrice, at: int) -> dict[str, Any]:
    """An add-on of Product Catalog 1.0, recurring or for once."""
    name = record.item.product.name
    return {
        "id": record.id,
        "name": name,
        "invoice_name": name,
        **_priced(record, at),
        "type": "quantity",
        "charge_type": "non_recurring" if record.item.kind == CHARGE else "recurring",
        "included_in_mrr": record.item.kind != CHARGE,
        "enabled_in_portal": True,
        "is_shippable": False,
        "taxable": True,
        "object": "addon",
    }


def coupon(record: CouponRecord, at: int) -> dict[str, Any]:
    """https://apidocs.chargebee.com/docs/api/coupons"""
    sold = record.coupon
    duration = {"once": "one_time", "repeating": "limited_period", "forever": "forever"}
    shown: dict[str, Any] = {
        "id": sold.id,
        "name": sold.name,
        "invoice_name": sold.name,
        "discount_type": "fixed_amount" if sold.basis_points is None else "percentage",
        "duration_type": duration[sold.duration],
        "status": "active",
        "apply_on": "invoice_amount",
        "created_at": sold.created,
        "redemptions": sum(redeemed <= at for redeemed in record.redeemed_at),
        "included_in_mrr": True,
        "object": "coupon",
    }
    if sold.basis_points is None:
        shown |= {"discount_amount": sold.amount_off, "currency_code": sold.currency}
    else:
        shown["discount_percentage"] = sold.basis_points / 100
    if sold.months is not None:
        shown |= {"duration_month": sold.months, "period": sold.months, "period_unit": "month"}
    return shown
