"""Stripe's lists of money that moved: charges, refunds, disputes, credit notes, the balance.

Belongs here: one entry per list. Does not: the others (`lists.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from revops_pipelines.sandbox.stripe import shapes_dispute, shapes_payment
from revops_pipelines.sandbox.stripe.disputes import Dispute, disputes
from revops_pipelines.sandbox.stripe.listed import Listed, intent_of, own_looks
from revops_pipelines.sandbox.stripe.shelf import Shelf
from revops_pipelines.sandbox.world.billing import Billing
from revops_pipelines.sandbox.world.billing_records import Charge, Refund


def _bill_customer(record: Any) -> str:
    return str(record.invoice.customer.id)


def make_money_lists(billing: Billing) -> dict[str, Listed]:
    """The lists by their path below `/v1/`."""
    books = billing.books
    disputed = disputes(books.charges)

    def shape(record: Charge, at: int) -> dict[str, Any]:
        dispute = disputed.get(record.id)
        return shapes_payment.charge(record, at, dispute.created if dispute else None)

    def looks(record: Charge) -> tuple[int, ...]:
        dispute = disputed.get(record.id)
        own = record.changed_at
        return own if dispute is None else tuple(sorted({*own, dispute.created}))

    charges = Shelf(
        "charge",
        "/v1/charges",
        books.charges,
        shape,
        looks,
        keys={"customer": _bill_customer, "payment_intent": intent_of},
    )
    refunds = Shelf(
        "refund",
        "/v1/refunds",
        books.refunds,
        shapes_payment.refund,
        keys={
            "charge": lambda record: record.charge.id,
            "payment_intent": lambda record: intent_of(record.charge),
        },
    )
    notes = Shelf(
        "credit_note",
        "/v1/credit_notes",
        books.credit_notes,
        shapes_payment.credit_note,
        keys={
            "invoice": lambda record: record.refund.charge.invoice.id,
            "customer": lambda record: record.refund.charge.invoice.customer.id,
        },
    )
    return {
        "charges": Listed(charges),
        "refunds": Listed(refunds),
        "disputes": _disputes(billing, list(disputed.values())),
        "credit_notes": Listed(notes),
        "balance_transactions": _balance(billing, list(disputed.values())),
    }


def _disputes(billing: Billing, disputed: list[Dispute]) -> Listed:
    return Listed(
        Shelf(
            "dispute",
            "/v1/disputes",
            disputed,
            lambda record, at: shapes_dispute.dispute(record, at, billing.rates),
            own_looks,
            keys={
                "charge": lambda record: record.charge.id,
                "payment_intent": lambda record: intent_of(record.charge),
            },
        )
    )


@dataclass(frozen=True, slots=True)
class _Moved:
    """A charge, a refund or a dispute as it touched the balance."""

    id: str
    created: int
    source: Charge | Refund | Dispute
    kind: str


def _balance(billing: Billing, disputed: list[Dispute]) -> Listed:
    books = billing.books
    moved = [
        _Moved(f"txn_3{charge.core}", charge.created, charge, "charge")
        for charge in books.charges
        if charge.failure is None
    ]
    moved += [
        _Moved(f"txn_3{refund.core}", refund.created, refund, "refund") for refund in books.refunds
    ]
    moved += [
        _Moved(shapes_dispute.transaction_id(each, at), at, each, "adjustment")
        for each in disputed
        for at in shapes_dispute.moved_at(each)
    ]

    def shape(record: _Moved, at: int) -> dict[str, Any]:
        if isinstance(record.source, Dispute):
            return shapes_dispute.transaction(record.source, record.created, at, billing.rates)
        return shapes_payment.balance_transaction(record.source, at, billing.rates)

    shelf = Shelf(
        "balance_transaction",
        "/v1/balance_transactions",
        moved,
        shape,
        _moved_looks,
        keys={"source": lambda record: record.source.id},
    )
    return Listed(
        shelf,
        {
            "type": lambda record, wanted, at: bool(record.kind == wanted),
            "currency": lambda record, wanted, at: wanted == "usd",
        },
    )


def _moved_looks(record: _Moved) -> tuple[int, ...]:
    """What a dispute moves can be paid out at once."""
    if record.kind == "adjustment":
        return (record.created,)
    return (record.created, shapes_payment.settled_at(record.created))
