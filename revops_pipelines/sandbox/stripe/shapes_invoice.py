"""Invoices, their lines, invoice items and invoice payments, as Stripe shows them since basil.

Belongs here: bills as of an instant. Does not: the money that moved (`shapes_payment.py`).
"""

from __future__ import annotations

from typing import Any

from revops_pipelines.sandbox.stripe.shapes_catalog import ACCOUNT_NAME, LIVEMODE, thousandths
from revops_pipelines.sandbox.stripe.shapes_subscription import address, nested
from revops_pipelines.sandbox.world.billing_calendar import moment_of
from revops_pipelines.sandbox.world.billing_catalog import TaxRate
from revops_pipelines.sandbox.world.billing_ids import numbered
from revops_pipelines.sandbox.world.billing_lines import DISCOUNTABLE
from revops_pipelines.sandbox.world.billing_records import (
    Invoice,
    InvoiceItem,
    InvoicePayment,
    Line,
)

# What never differs in the sandbox.
_ALWAYS: dict[str, Any] = {
    "object": "invoice",
    "account_country": "US",
    "account_name": ACCOUNT_NAME,
    "account_tax_ids": None,
    "amount_overpaid": 0,
    "amount_paid_off_stripe": 0,
    "amount_shipping": 0,
    "application": None,
    "automatic_tax": {
        "disabled_reason": None,
        "enabled": False,
        "liability": None,
        "provider": None,
        "status": None,
    },
    "custom_fields": None,
    "customer_account": None,
    "customer_phone": None,
    "customer_shipping": None,
    "customer_tax_exempt": "none",
    "customer_tax_ids": [],
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "footer": None,
    "from_invoice": None,
    "invoice_pdf": None,
    "issuer": {"type": "self"},
    "last_finalization_error": None,
    "latest_revision": None,
    "livemode": LIVEMODE,
    "metadata": {},
    "on_behalf_of": None,
    "payment_settings": {
        "default_mandate": None,
        "payment_method_options": None,
        "payment_method_types": None,
    },
    "pre_payment_credit_notes_amount": 0,
    "receipt_number": None,
    "rendering": None,
    "shipping_cost": None,
    "shipping_details": None,
    "statement_descriptor": None,
    "test_clock": None,
    "total_pretax_credit_amounts": [],
}


def _by(at: int, moment: int | None) -> int | None:
    """The instant, if it has come."""
    return moment if moment is not None and moment <= at else None


def status(record: Invoice, at: int) -> str:
    """draft, open, paid, void or uncollectible."""
    if _by(at, record.voided_at):
        return "void"
    if _by(at, record.paid_at):
        return "paid"
    if _by(at, record.written_off_at):
        return "uncollectible"
    return "open" if _by(at, record.finalized_at) else "draft"


def invoice(record: Invoice, at: int) -> dict[str, Any]:
    """https://docs.stripe.com/api/invoices/object"""
    story, state = record.customer, status(record, at)
    is_paid, is_draft = state == "paid", state == "draft"
    paid = record.amount_due if is_paid else 0
    rebates = [record.rebate.id] if record.rebate else []
    untaxed = record.subtotal - record.discount
    return {
        "id": record.id,
        **_ALWAYS,
        **_attempts(record, at, state),
        "amount_due": record.amount_due,
        "amount_paid": paid,
        "amount_remaining": record.amount_due - paid,
        "auto_advance": is_draft or state == "open",
        "automatically_finalizes_at": record.finalized_at if is_draft else None,
        "billing_reason": record.reason,
        "collection_method": "send_invoice" if record.due_at else "charge_automatically",
        "created": record.created,
        "currency": story.currency.lower(),
        "customer": story.id,
        "customer_address": address(story),
        "customer_email": story.email,
        "customer_name": story.account.name,
        "discounts": rebates,
        "due_date": None if is_draft else record.due_at,
        "effective_at": _by(at, record.finalized_at),
        "ending_balance": None if is_draft else record.ending_balance,
        "hosted_invoice_url": None
        if is_draft
        else f"https://invoice.stripe.com/i/{record.core}?s=ap",
        "lines": nested(f"/v1/invoices/{record.id}/lines", lines(record)),
        "number": None if is_draft else f"{story.prefix}-{record.number:04d}",
        "parent": _parent(record),
        "period_end": record.period_end,
        "period_start": record.period_start,
        "post_payment_credit_notes_amount": sum(
            amount for given_at, amount in record.taken_back if given_at <= at
        ),
        "starting_balance": record.starting_balance,
        "status": state,
        "status_transitions": {
            "finalized_at": _by(at, record.finalized_at),
            "marked_uncollectible_at": _by(at, record.written_off_at),
            "paid_at": _by(at, record.paid_at),
            "voided_at": _by(at, record.voided_at),
        },
        "subtotal": record.subtotal,
        "subtotal_excluding_tax": record.subtotal,
        "total": record.total,
        "total_discount_amounts": [
            {"amount": record.discount, "discount": rebate} for rebate in rebates
        ],
        "total_excluding_tax": untaxed,
        "total_taxes": _taxes(record.tax, untaxed, story.tax),
        "webhooks_delivered_at": record.created,
    }


def _attempts(record: Invoice, at: int, state: str) -> dict[str, Any]:
    """How often payment was tried, and when it will be tried again."""
    tried = sum(attempt <= at for attempt in record.attempts)
    if state == "paid" and record.amount_due > 0:
        tried += 1
    next_attempt = None
    if state == "draft" and record.due_at is None:
        next_attempt = record.finalized_at
    elif state == "open":
        next_attempt = next((attempt for attempt in record.attempts if attempt > at), None)
    return {
        "attempt_count": tried,
        "attempted": tried > 0 or state == "paid",
        "next_payment_attempt": next_attempt,
    }


def _parent(record: Invoice) -> dict[str, Any] | None:
    if record.subscription is None:
        return None
    return {
        "quote_details": None,
        "subscription_details": {
            "metadata": dict(record.subscription.metadata),
            "subscription": record.subscription.id,
        },
        "type": "subscription_details",
    }


def _taxes(amount: int, taxable: int, rate: TaxRate | None) -> list[dict[str, Any]]:
    if rate is None:
        return []
    return [
        {
            "amount": amount,
            "tax_behavior": "exclusive",
            "tax_rate_details": {"tax_rate": rate.id},
            "taxability_reason": "standard_rated",
            "taxable_amount": taxable,
            "type": "tax_rate_details",
        }
    ]


def line_id(core: str, place: int) -> str:
    """The identifier of a bill's line."""
    return f"il_1{core}{numbered(place)}"


def lines(record: Invoice) -> list[dict[str, Any]]:
    """All lines of a bill."""
    return [_line(record, line, place) for place, line in enumerate(record.lines)]


def _line(record: Invoice, line: Line, place: int) -> dict[str, Any]:
    """https://docs.stripe.com/api/invoice-line-item/object

    A proration names the discount it is net of, with an amount of 0, and shows the part charged as
    its unit amount, not the price's.
    """
    rebate = line.rebate
    if rebate is None and record.rebate is not None and line.kind in DISCOUNTABLE:
        rebate = record.rebate.id
    return {
        "id": line_id(record.core, place),
        "object": "line_item",
        "amount": line.amount,
        "currency": record.customer.currency.lower(),
        "description": _description(line),
        "discount_amounts": [{"amount": line.discount, "discount": rebate}] if rebate else [],
        "discountable": not line.is_proration,
        "discounts": [line.rebate] if line.rebate else [],
        "invoice": record.id,
        "livemode": LIVEMODE,
        "metadata": {},
        "parent": _line_parent(record, line),
        "period": {"end": line.end, "start": line.start},
        "pretax_credit_amounts": [],
        "pricing": _pricing(line),
        "quantity": line.quantity,
        "quantity_decimal": str(line.quantity),
        "subscription": record.subscription.id if record.subscription else None,
        "subtotal": line.amount,
        "taxes": _taxes(line.tax, line.amount - line.discount, record.customer.tax),
    }


def _pricing(line: Line) -> dict[str, Any]:
    unit = line.price.unit_thousandths
    if line.is_proration and line.quantity:
        unit = line.amount * 1_000 // line.quantity
    elif line.kind == "trial":
        unit = 0
    return {
        "price_details": {"price": line.price.id, "product": line.price.product.id},
        "type": "price_details",
        "unit_amount_decimal": _signed(unit),
    }


def _signed(unit: int) -> str:
    return f"-{thousandths(-unit)}" if unit < 0 else thousandths(unit)


def _line_parent(record: Invoice, line: Line) -> dict[str, Any]:
    item = f"ii_1{line.invoice_item}" if line.invoice_item else None
    if line.item is None or record.subscription is None:
        return {
            "invoice_item_details": {
                "invoice_item": item,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": None,
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        }
    return {
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": item,
            "proration": line.is_proration,
            "proration_details": {"credited_items": _credited(line)},
            "subscription": record.subscription.id,
            "subscription_item": line.item,
        },
        "type": "subscription_item_details",
    }


def _credited(line: Line) -> dict[str, Any] | None:
    if line.credited is None:
        return None
    core, place = line.credited
    return {"invoice": f"in_1{core}", "invoice_line_items": [line_id(core, place)]}


def _description(line: Line) -> str:
    name, since = line.price.product.name, f"{moment_of(line.start):%d %b %Y}"
    count = f"{line.quantity} × {name}"
    return {
        "period": count,
        "usage": count,
        "trial": f"Trial period for {name}",
        "unused": f"Unused time on {count} after {since}",
        "remaining": f"Remaining time on {count} after {since}",
        "one_off": name,
    }[line.kind]


def invoice_item(record: InvoiceItem, at: int) -> dict[str, Any]:
    """https://docs.stripe.com/api/invoiceitems/object; `invoice` is null while it waits."""
    line, billed = record.line, record.invoice
    is_billed = billed is not None and billed.created <= at
    parent = None
    if record.subscription is not None:
        parent = {
            "subscription_details": {
                "subscription": record.subscription.id,
                "subscription_item": line.item,
            },
            "type": "subscription_details",
        }
    shown: dict[str, Any] = {
        "id": record.id,
        "object": "invoiceitem",
        "amount": line.amount,
        "currency": record.customer.currency.lower(),
        "customer": record.customer.id,
        "customer_account": None,
        "date": record.created,
        "description": _description(line),
        "discountable": not line.is_proration,
        "discounts": [line.rebate] if line.rebate else [],
        "invoice": billed.id if is_billed and billed is not None else None,
        "livemode": LIVEMODE,
        "metadata": {},
        "parent": parent,
        "period": {"end": line.end, "start": line.start},
        "pricing": _pricing(line),
        "proration": line.is_proration,
        "quantity": line.quantity,
        "quantity_decimal": str(line.quantity),
        "tax_rates": [],
        "test_clock": None,
    }
    if line.is_proration:
        # Only where it is no longer discountable.
        shown["net_amount"] = line.amount
        named = [{"amount": 0, "discount": line.rebate}] if line.rebate else []
        shown["proration_details"] = {"credited_items": None, "discount_amounts": named}
    return shown


def invoice_payment(record: InvoicePayment, at: int) -> dict[str, Any]:
    """https://docs.stripe.com/api/invoice-payment/object: which intent pays which bill."""
    bill = record.invoice
    paid, voided = _by(at, bill.paid_at), _by(at, bill.voided_at)
    return {
        "id": record.id,
        "object": "invoice_payment",
        "amount_paid": bill.amount_due if paid else None,
        "amount_requested": bill.amount_due,
        "created": record.created,
        "currency": bill.customer.currency.lower(),
        "invoice": bill.id,
        "is_default": True,
        "livemode": LIVEMODE,
        "payment": {"payment_intent": f"pi_3{bill.core}", "type": "payment_intent"},
        "status": "paid" if paid else "canceled" if voided else "open",
        "status_transitions": {"canceled_at": voided, "paid_at": paid},
    }
