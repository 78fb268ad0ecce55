"""Disputes and the money that they move, as Stripe shows them.

Belongs here: the dispute and its balance transactions. Does not: which charges are disputed
(`disputes.py`).
"""

from __future__ import annotations

from typing import Any

from revops_pipelines.sandbox.stripe.disputes import Dispute
from revops_pipelines.sandbox.stripe.shapes_catalog import LIVEMODE
from revops_pipelines.sandbox.stripe.shapes_payment import Rates, balance_entry, dollars
from revops_pipelines.sandbox.world.billing_calendar import DAY

# What Stripe takes for a dispute, in cents.
FEE = 1_500
ANSWER_DAYS = 14
_EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)


def dispute(record: Dispute, at: int, rates: Rates) -> dict[str, Any]:
    """https://docs.stripe.com/api/disputes/object"""
    bill = record.charge.invoice
    answered = at >= record.answered_at
    evidence: dict[str, Any] = dict.fromkeys(_EVIDENCE)
    evidence["customer_name"] = bill.customer.account.name
    return {
        "id": record.id,
        "object": "dispute",
        "amount": record.charge.amount,
        "balance_transactions": [
            transaction(record, created, at, rates) for created in moved_at(record) if created <= at
        ],
        "charge": record.charge.id,
        "created": record.created,
        "currency": bill.customer.currency.lower(),
        "enhanced_eligibility_types": [],
        "evidence": evidence | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": record.created // DAY * DAY + ANSWER_DAYS * DAY,
            "enhanced_eligibility": {},
            "has_evidence": answered,
            "past_due": False,
            "submission_count": int(answered),
        },
        "is_charge_refundable": False,
        "livemode": LIVEMODE,
        "metadata": {},
        "payment_intent": f"pi_3{bill.core}",
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "case_type": "chargeback",
                "network": "visa",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": record.reason,
        "status": record.status(at),
    }


def moved_at(record: Dispute) -> tuple[int, ...]:
    """When money moves: taken at once, given back where the dispute is won."""
    return (record.created, record.closed_at) if record.is_won else (record.created,)


def transaction(record: Dispute, created: int, at: int, rates: Rates) -> dict[str, Any]:
    """What the dispute moved at an instant, in dollars."""
    is_back = created == record.closed_at
    cents, rate = dollars(
        record.charge.amount, record.charge.invoice.customer.currency, created, rates
    )
    return balance_entry(
        identity=transaction_id(record, created),
        created=created,
        # Taken from and given to what can be paid out.
        available=created,
        at=at,
        amount=cents if is_back else -cents,
        fee=0 if is_back else FEE,
        rate=rate,
        source=record.id,
        kind="adjustment",
        category="dispute_reversal" if is_back else "dispute",
        description=f"Chargeback {'reversal' if is_back else 'withdrawal'} for {record.charge.id}",
    )


def transaction_id(record: Dispute, created: int) -> str:
    """Its identifier."""
    return f"txn_1{'R' if created == record.closed_at else 'W'}{record.charge.core}"
