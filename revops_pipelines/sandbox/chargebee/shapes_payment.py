"""Transactions, as Chargebee shows them.

Belongs here: money that moved, or was refused. Does not: what it was for (`shapes_documents.py`).
Source: https://apidocs.chargebee.com/docs/api/transactions
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from revops_pipelines.sandbox.chargebee import ids
from revops_pipelines.sandbox.chargebee.papers import Receipt
from revops_pipelines.sandbox.chargebee.shapes_subscription import Rates, exchange
from revops_pipelines.sandbox.world.billing_records import Charge, Refund

_ERRORS = {
    "card_declined": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
}


def transactions(rates: Rates) -> Callable[[Receipt, int], dict[str, Any]]:
    """How a payment or a refund looks as of an instant."""

    def transaction(receipt: Receipt, at: int) -> dict[str, Any]:
        source, owner, bill = receipt.source, receipt.customer, receipt.bill
        is_sent = bill is not None and bill.source.due_at is not None
        shown: dict[str, Any] = {
            "id": receipt.id,
            "customer_id": ids.customer_id(owner.id),
            "gateway": "not_applicable" if is_sent else "stripe",
            "payment_method": "bank_transfer" if is_sent else "card",
            "date": source.created,
            "amount": source.amount,
            **exchange(rates, owner.currency, source.created),
            "fraud_flag": "safe",
            "deleted": False,
            "object": "transaction",
        }
        if not is_sent:
            shown |= {"gateway_account_id": "gw_northbeam", "id_at_gateway": f"ch_{source.core}"}
        if bill is not None and bill.source.subscription is not None:
            shown["subscription_id"] = ids.subscription_id(bill.source.subscription.id)
        part = _refund(receipt) if isinstance(source, Refund) else _payment(receipt, source, at)
        return shown | part

    return transaction


def _payment(receipt: Receipt, source: Charge, at: int) -> dict[str, Any]:
    is_refused = source.failure is not None
    given_back = [each for each in receipt.refunds if each.source.created <= at]
    shown: dict[str, Any] = {
        "type": "payment",
        "status": "failure" if is_refused else "success",
        "amount_unused": 0,
        "linked_invoices": _linked_invoices(receipt, 0 if is_refused else source.amount),
        "linked_refunds": [
            {
                "txn_id": each.id,
                "txn_status": "success",
                "txn_date": each.source.created,
                "txn_amount": each.source.amount,
            }
            for each in given_back
        ],
    }
    if source.failure is not None:
        shown |= {"error_code": source.failure, "error_text": _ERRORS[source.failure]}
    return shown


def _linked_invoices(receipt: Receipt, applied: int) -> list[dict[str, Any]]:
    bill = receipt.bill
    if bill is None:
        return []
    return [
        {
            "invoice_id": bill.id,
            "applied_amount": applied,
            "applied_at": receipt.source.created,
            "invoice_date": bill.issued_at,
            "invoice_total": bill.total,
            "invoice_status": "paid" if applied else "payment_due",
        }
    ]


def _refund(receipt: Receipt) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": "refund", "status": "success"}
    if receipt.payment is not None:
        shown["refunded_txn_id"] = receipt.payment.id
        shown["reference_transaction_id"] = receipt.payment.id
    note = receipt.note
    if note is not None:
        linked = {
            "cn_id": note.id,
            "applied_amount": note.amount,
            "applied_at": note.created,
            "cn_reason_code": "product_unsatisfactory",
            "cn_create_reason_code": "Product Unsatisfactory",
            "cn_date": note.created,
            "cn_total": note.amount,
            "cn_status": "refunded",
        }
        if note.bill is not None:
            linked["cn_reference_invoice_id"] = note.bill.id
        shown["linked_credit_notes"] = [linked]
    return shown
