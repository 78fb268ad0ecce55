"""Charges, refunds, credit notes and balance transactions, as Stripe shows them.

Belongs here: money that moved, or was refused. Does not: what it was for (`shapes_invoice.py`).
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol

from revops_pipelines.sandbox.stripe.shapes_catalog import LIVEMODE
from revops_pipelines.sandbox.stripe.shapes_subscription import address, nested
from revops_pipelines.sandbox.world.billing_calendar import DAY, day_of
from revops_pipelines.sandbox.world.billing_money import ZERO_DECIMAL
from revops_pipelines.sandbox.world.billing_records import Charge, CreditNote, Refund

FAILURES = {
    "card_declined": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
}
# Stripe's list price for US cards: 2.9% and 30 cents.
FEE_THOUSANDTHS, FEE_FIXED = 29, 30
SETTLES_DAYS = 2


class Rates(Protocol):
    """Rates of exchange by month."""

    def monthly_rate(self, currency: str, month: date) -> Decimal:
        """Dollars for one unit of the currency in the month of that day."""


def charge(record: Charge, at: int, disputed_at: int | None = None) -> dict[str, Any]:
    """https://docs.stripe.com/api/charges/object; the bill is found through its intent."""
    bill, failed = record.invoice, record.failure is not None
    story = bill.customer
    refunded = sum(refund.amount for refund in record.refunds if refund.created <= at)
    return {
        "id": record.id,
        "object": "charge",
        "amount": record.amount,
        "amount_captured": 0 if failed else record.amount,
        "amount_refunded": refunded,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None if failed else f"txn_3{record.core}",
        "billing_details": {
            "address": address(story),
            "email": story.email,
            "name": story.account.name,
            "phone": None,
            "tax_id": None,
        },
        "calculated_statement_descriptor": "NORTHBEAM",
        "captured": not failed,
        "created": record.created,
        "currency": story.currency.lower(),
        "customer": story.id,
        "description": "Subscription update" if bill.subscription else "Payment for invoice",
        "disputed": disputed_at is not None and disputed_at <= at,
        "failure_balance_transaction": None,
        "failure_code": record.failure,
        "failure_message": FAILURES[record.failure] if record.failure else None,
        "fraud_details": {},
        "livemode": LIVEMODE,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": _outcome(record),
        "paid": not failed,
        "payment_intent": f"pi_3{bill.core}",
        "payment_method": f"pm_1{story.id[4:]}",
        "payment_method_details": _card(story.id, story.account.country),
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": refunded >= record.amount,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "failed" if failed else "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }


def _outcome(record: Charge) -> dict[str, Any]:
    failed = record.failure is not None
    return {
        "advice_code": "try_again_later" if failed else None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if failed else "approved_by_network",
        "reason": record.failure,
        "risk_level": "normal",
        "seller_message": "The bank did not approve." if failed else "Payment complete.",
        "type": "issuer_declined" if failed else "authorized",
    }


def _card(identity: str, country: str) -> dict[str, Any]:
    return {
        "card": {
            "amount_authorized": None,
            "authorization_code": None,
            "brand": "visa",
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": None,
            },
            "country": country,
            "exp_month": 8,
            "exp_year": 2030,
            "fingerprint": identity[4:],
            "funding": "credit",
            "installments": None,
            "last4": "4242",
            "mandate": None,
            "network": "visa",
            "network_token": None,
            "network_transaction_id": None,
            "regulated_status": "unregulated",
            "three_d_secure": None,
            "wallet": None,
        },
        "type": "card",
    }


def refund(record: Refund, at: int) -> dict[str, Any]:
    """https://docs.stripe.com/api/refunds/object"""
    return {
        "id": record.id,
        "object": "refund",
        "amount": record.amount,
        "balance_transaction": f"txn_3{record.core}",
        "charge": record.charge.id,
        "created": record.created,
        "currency": record.charge.invoice.customer.currency.lower(),
        "destination_details": {
            "card": {"reference_status": "pending", "type": "refund"},
            "type": "card",
        },
        "metadata": {},
        "payment_intent": f"pi_3{record.charge.invoice.core}",
        "reason": "requested_by_customer",
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def credit_note(record: CreditNote, at: int) -> dict[str, Any]:
    """https://docs.stripe.com/api/credit_notes/object: one line for the whole amount."""
    given, bill = record.refund, record.refund.charge.invoice
    line = {
        "id": f"cnli_1{record.core}",
        "object": "credit_note_line_item",
        "amount": given.amount,
        "description": "Goodwill",
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": LIVEMODE,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": 1,
        "tax_rates": [],
        "taxes": [],
        "type": "custom_line_item",
        "unit_amount": given.amount,
        "unit_amount_decimal": str(given.amount),
    }
    return {
        "id": record.id,
        "object": "credit_note",
        "amount": given.amount,
        "amount_shipping": 0,
        "created": record.created,
        "currency": bill.customer.currency.lower(),
        "customer": bill.customer.id,
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": record.created,
        "invoice": bill.id,
        "lines": nested(f"/v1/credit_notes/{record.id}/lines", [line]),
        "livemode": LIVEMODE,
        "memo": None,
        "metadata": {},
        "number": f"{bill.customer.prefix}-{bill.number:04d}-CN-01",
        "out_of_band_amount": None,
        "pdf": f"https://pay.stripe.com/credit_notes/{record.core}/pdf",
        "post_payment_amount": given.amount,
        "pre_payment_amount": 0,
        "pretax_credit_amounts": [],
        "reason": "product_unsatisfactory",
        "refunds": [
            {
                "amount_refunded": given.amount,
                "payment_record_refund": None,
                "refund": given.id,
                "type": "refund",
            }
        ],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": given.amount,
        "subtotal_excluding_tax": given.amount,
        "total": given.amount,
        "total_excluding_tax": given.amount,
        "total_taxes": [],
        "type": "post_payment",
        "voided_at": None,
    }


def balance_transaction(record: Charge | Refund, at: int, rates: Rates) -> dict[str, Any]:
    """https://docs.stripe.com/api/balance_transactions/object: what reached us, in dollars."""
    is_charge = isinstance(record, Charge)
    bill = record.invoice if isinstance(record, Charge) else record.charge.invoice
    cents, rate = dollars(record.amount, bill.customer.currency, record.created, rates)
    return balance_entry(
        identity=f"txn_3{record.core}",
        created=record.created,
        available=settled_at(record.created),
        at=at,
        amount=cents if is_charge else -cents,
        fee=(cents * FEE_THOUSANDTHS + 500) // 1_000 + FEE_FIXED if is_charge else 0,
        rate=rate,
        source=record.id,
        kind="charge" if is_charge else "refund",
        category="charge" if is_charge else "refund",
    )


def dollars(amount: int, currency: str, at: int, rates: Rates) -> tuple[int, float | None]:
    """An amount in cents of a dollar, and the rate it was exchanged at, if it was."""
    rate = rates.monthly_rate(currency, day_of(at))
    major = Decimal(amount) / (1 if currency in ZERO_DECIMAL else 100)
    cents = int((major * rate * 100).quantize(Decimal(1), ROUND_HALF_UP))
    return cents, None if currency == "USD" else float(rate)


def settled_at(created: int) -> int:
    """When money that moved can be paid out."""
    return created // DAY * DAY + SETTLES_DAYS * DAY


def balance_entry(
    *,
    identity: str,
    created: int,
    available: int,
    at: int,
    amount: int,
    fee: int,
    rate: float | None,
    source: str,
    kind: str,
    category: str,
    description: str | None = None,
) -> dict[str, Any]:
    """One movement of the balance; its settling has no event."""
    fees = {
        "amount": fee,
        "application": None,
        "currency": "usd",
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }
    return {
        "id": identity,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": available,
        "balance_type": "payments",
        "created": created,
        "currency": "usd",
        "description": description,
        # In the minor units of both: a yen has none.
        "exchange_rate": rate,
        "fee": fee,
        "fee_details": [fees] if fee else [],
        "net": amount - fee,
        "reporting_category": category,
        "source": source,
        "status": "available" if at >= available else "pending",
        "type": kind,
    }
