"""Invoices and credit notes, as Chargebee shows them.

Belongs here: documents as of an instant. Does not: which documents there are (`papers.py`), their
lines and links (`shapes_parts.py`), or the money that moved (`shapes_payment.py`).
Sources: https://apidocs.chargebee.com/docs/api/invoices,
https://apidocs.chargebee.com/docs/api/credit_notes
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from revops_pipelines.sandbox.chargebee import ids
from revops_pipelines.sandbox.chargebee import shapes_parts as parts
from revops_pipelines.sandbox.chargebee.papers import Bill, Note
from revops_pipelines.sandbox.chargebee.shapes_subscription import (
    NET_DAYS,
    Rates,
    address,
    exchange,
)


def status(bill: Bill, at: int) -> str:
    """pending, posted, payment_due, not_paid or paid; what is written off counts as paid."""
    invoice = bill.source
    if at < bill.issued_at:
        return "pending"
    if parts.has_come(at, invoice.paid_at) or parts.has_come(at, invoice.written_off_at):
        return "paid"
    if invoice.due_at is not None and at < invoice.due_at:
        return "posted"
    waits = any(attempt > at for attempt in invoice.attempts)
    return "payment_due" if waits or not invoice.attempts else "not_paid"


@dataclass(frozen=True)
class Documents:
    """Renders documents. `lines_shown` of an invoice come at once, the rest on demand."""

    rates: Rates
    is_first_catalog: bool
    lines_shown: int = 300

    def invoice(self, bill: Bill, at: int) -> dict[str, Any]:
        """An invoice as of an instant."""
        source, state = bill.source, status(bill, at)
        owed = source.amount_due
        written_off = owed if parts.has_come(at, source.written_off_at) else 0
        paid = owed if state == "paid" and not written_off else 0
        is_pending = state == "pending"
        applied = [] if is_pending else bill.applied
        credits = sum(amount for _, amount in applied)
        date = source.created if is_pending else bill.issued_at
        story = source.subscription
        lines = self.lines(bill)
        shown: dict[str, Any] = {
            "id": bill.id,
            "customer_id": ids.customer_id(source.customer.id),
            "recurring": story is not None,
            "status": state,
            "price_type": "tax_exclusive",
            "date": date,
            "due_date": source.due_at if source.due_at is not None else date,
            "net_term_days": NET_DAYS if source.due_at is not None else 0,
            **exchange(self.rates, source.customer.currency, bill.issued_at),
            "sub_total": sum(line["amount"] for line in lines),
            "tax": sum(line.tax for _, line in bill.lines),
            "total": bill.total,
            "credits_applied": credits,
            "amount_adjusted": written_off,
            "write_off_amount": written_off,
            "amount_paid": paid,
            "amount_due": bill.total - credits - paid - written_off,
            "amount_to_collect": 0,
            "round_off_amount": 0,
            "first_invoice": source.reason == "subscription_create",
            "has_advance_charges": False,
            "is_gifted": False,
            "term_finalized": True,
            "channel": "web",
            "deleted": False,
            "object": "invoice",
            "line_items": lines[: self.lines_shown],
            "line_item_discounts": parts.line_discounts(bill),
            "line_item_taxes": parts.line_taxes(bill),
            "discounts": parts.discounts(bill),
            "taxes": parts.taxes(bill),
            "linked_payments": parts.payments(bill, at),
            "applied_credits": [parts.applied(note, amount, at) for note, amount in applied],
            "adjustment_credit_notes": parts.linked_notes(bill, "write_off", at),
            "issued_credit_notes": parts.linked_notes(bill, "refund", at),
            "linked_orders": [],
            "dunning_attempts": parts.dunning(bill, at),
            "billing_address": address(source.customer),
        }
        if len(lines) > self.lines_shown:
            shown["line_items_next_offset"] = str(self.lines_shown)
        if story is not None:
            shown["subscription_id"] = ids.subscription_id(story.id)
        if not is_pending:
            shown["generated_at"] = bill.issued_at
        if state == "paid":
            shown["paid_at"] = source.written_off_at if written_off else source.paid_at
        return shown | parts.dunning_state(bill, state, at)

    def lines(self, bill: Bill) -> list[dict[str, Any]]:
        """All lines of an invoice."""
        return parts.lines(bill, self.is_first_catalog)

    def credit_note(self, note: Note, at: int) -> dict[str, Any]:
        """A credit note as of an instant."""
        allocated = [entry for entry in note.allocated if entry[2] <= at]
        used = sum(amount for _, amount, _ in allocated)
        refunded = note.amount if note.kind == "refund" else 0
        left = note.amount - used - refunded if note.kind == "change" else 0
        code, create_code = parts.reason(note)
        shown: dict[str, Any] = {
            "id": note.id,
            "customer_id": ids.customer_id(note.customer.id),
            "type": "adjustment" if note.kind == "write_off" else "refundable",
            "reason_code": code,
            "create_reason_code": create_code,
            "status": parts.note_status(note, left),
            "date": note.created,
            "price_type": "tax_exclusive",
            **exchange(self.rates, note.customer.currency, note.created),
            "sub_total": note.amount + sum(line.tax for line in note.lines),
            "total": note.amount,
            "amount_allocated": note.amount if note.kind == "write_off" else used,
            "amount_refunded": refunded,
            "amount_available": left,
            "round_off_amount": 0,
            "fractional_correction": 0,
            "generated_at": note.created,
            "channel": "web",
            "deleted": False,
            "object": "credit_note",
            "line_items": parts.note_lines(note, self.is_first_catalog),
            "line_item_discounts": [],
            "line_item_taxes": [],
            "discounts": [],
            "taxes": [],
            "allocations": [
                parts.allocation(bill, amount, when) for bill, amount, when in allocated
            ],
            "linked_refunds": parts.linked_refunds(note),
        }
        if note.subscription is not None:
            shown["subscription_id"] = ids.subscription_id(note.subscription.id)
        if note.bill is not None:
            shown["reference_invoice_id"] = note.bill.id
        if note.kind == "refund":
            shown["refunded_at"] = note.created
        return shown
