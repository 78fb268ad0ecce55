"""Amounts taken off bills after they were issued."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Moment, Money, Text
from revops_pipelines.contracts.contract import Contract, identity


class CreditNotes(Contract):
    """Amounts taken off bills after they were issued."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "credit_notes"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("credit_note_id",), references={"customer_id": "customers", "invoice_id": "invoices"}
        )

    credit_note_id: Text = col.key("The note's identifier, `source:source_id`.")
    customer_id: Text = col.text("Customer.")
    invoice_id: Text = col.text("Invoice it corrects.")
    status: Text = col.text("Status.")
    reason: Text = col.text("Reason given.")
    currency: Text = col.currency()
    amount: Money = col.money("Amount with tax.", nullable=False)
    issued_at: Moment = col.moment("When.", nullable=False)
