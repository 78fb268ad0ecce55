"""Products, prices, coupons, discounts and the account, as Stripe shows them.

Belongs here: what is sold and by whom. Does not: who bought it. Every function is pure: a record
and an instant in, the object as of that instant out.
"""

from __future__ import annotations

from typing import Any

from revops_pipelines.sandbox.world.billing_catalog import Price, Product
from revops_pipelines.sandbox.world.billing_records import CouponRecord
from revops_pipelines.sandbox.world.billing_story import Customer, Rebate, Subscription

# The sandbox stands for a company's live account.
LIVEMODE = True
ACCOUNT_NAME = "Northbeam"


def thousandths(amount: int) -> str:
    """Thousandths of a minor unit as Stripe writes decimals: without trailing zeros.

    >>> thousandths(4_900_000), thousandths(1_200_500), thousandths(400)
    ('4900', '1200.5', '0.4')
    """
    whole, part = divmod(amount, 1_000)
    return f"{whole}.{part:03d}".rstrip("0").rstrip(".")


def product(record: Product, at: int) -> dict[str, Any]:
    """https://docs.stripe.com/api/products/object"""
    return {
        "id": record.id,
        "object": "product",
        "active": True,
        "created": record.created,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": LIVEMODE,
        "marketing_features": [],
        "metadata": {"key": record.key},
        "name": record.name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": record.unit_label,
        "updated": record.updated if record.updated <= at else record.created,
        "url": None,
    }


def price(record: Price, at: int) -> dict[str, Any]:
    """https://docs.stripe.com/api/prices/object; a half cent is only in `unit_amount_decimal`."""
    whole, part = divmod(record.unit_thousandths, 1_000)
    return {
        "id": record.id,
        "object": "price",
        "active": record.inactive_at is None or at < record.inactive_at,
        "billing_scheme": "per_unit",
        "created": record.created,
        "currency": record.currency.lower(),
        "custom_unit_amount": None,
        "livemode": LIVEMODE,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": record.product.id,
        "recurring": _recurring(record),
        "tax_behavior": "exclusive",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time" if record.interval is None else "recurring",
        "unit_amount": whole if part == 0 else None,
        "unit_amount_decimal": thousandths(record.unit_thousandths),
    }


def _recurring(record: Price) -> dict[str, Any] | None:
    if record.interval is None:
        return None
    return {
        "interval": record.interval.unit,
        "interval_count": record.interval.count,
        "meter": f"mtr_{record.product.id[5:]}" if record.is_metered else None,
        "trial_period_days": None,
        "usage_type": "metered" if record.is_metered else "licensed",
    }


def plan(record: Price, at: int) -> dict[str, Any]:
    """The older twin of a price, which subscription items still carry."""
    whole, part = divmod(record.unit_thousandths, 1_000)
    interval = record.interval
    return {
        "id": record.id,
        "object": "plan",
        "active": record.inactive_at is None or at < record.inactive_at,
        "amount": whole if part == 0 else None,
        "amount_decimal": thousandths(record.unit_thousandths),
        "billing_scheme": "per_unit",
        "created": record.created,
        "currency": record.currency.lower(),
        "interval": interval.unit if interval else "month",
        "interval_count": interval.count if interval else 1,
        "livemode": LIVEMODE,
        "metadata": {},
        "meter": None,
        "nickname": None,
        "product": record.product.id,
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "metered" if record.is_metered else "licensed",
    }


def coupon(record: CouponRecord, at: int) -> dict[str, Any]:
    """https://docs.stripe.com/api/coupons/object"""
    sold = record.coupon
    points = sold.basis_points
    return {
        "id": sold.id,
        "object": "coupon",
        "amount_off": sold.amount_off,
        "created": sold.created,
        "currency": sold.currency.lower() if sold.currency else None,
        "duration": sold.duration,
        "duration_in_months": sold.months,
        "livemode": LIVEMODE,
        "max_redemptions": None,
        "metadata": {},
        "name": sold.name,
        # JSON numbers: 15 and 12.5, never 15.0.
        "percent_off": None if points is None else _number(points),
        "redeem_by": None,
        "times_redeemed": sum(redeemed <= at for redeemed in record.redeemed_at),
        "valid": True,
    }


def _number(points: int) -> int | float:
    return points // 100 if points % 100 == 0 else points / 100


def discount(rebate: Rebate, customer: Customer, subscription: Subscription) -> dict[str, Any]:
    """https://docs.stripe.com/api/discounts/object; the coupon is an id since clover."""
    return {
        "id": rebate.id,
        "object": "discount",
        "checkout_session": None,
        "customer": customer.id,
        "customer_account": None,
        "end": rebate.end,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": rebate.coupon.id, "type": "coupon"},
        "start": rebate.start,
        "subscription": subscription.id,
        "subscription_item": None,
    }


def account(identity: str, created: int) -> dict[str, Any]:
    """https://docs.stripe.com/api/accounts/object, as a restricted key sees its own account."""
    return {
        "id": identity,
        "object": "account",
        "business_type": "company",
        "charges_enabled": True,
        "country": "US",
        "created": created,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "billing@northbeam.example",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": {
                "icon": None,
                "logo": None,
                "primary_color": None,
                "secondary_color": None,
            },
            "card_payments": {
                "statement_descriptor_prefix": None,
                "statement_descriptor_prefix_kana": None,
                "statement_descriptor_prefix_kanji": None,
            },
            "dashboard": {"display_name": ACCOUNT_NAME, "timezone": "Etc/UTC"},
            "payments": {
                "statement_descriptor": None,
                "statement_descriptor_kana": None,
                "statement_descriptor_kanji": None,
            },
        },
        "type": "standard",
    }
