"""Attempts to pay, successful or not."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Moment, Money, Text
from revops_pipelines.contracts.contract import Contract, identity


class Payments(Contract):
    """Attempts to pay, successful or not."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "payments"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("payment_id",), references={"customer_id": "customers", "invoice_id": "invoices"}
        )

    payment_id: Text = col.key("The payment's identifier, `source:source_id`.")
    customer_id: Text = col.text("Customer.")
    invoice_id: Text = col.text("Invoice paid.")
    status: Text = col.text("Outcome.", nullable=False, one_of=("succeeded", "pending", "failed"))
    currency: Text = col.currency()
    amount: Money = col.money("Amount attempted.", nullable=False)
    refunded_amount: Money = col.money("Given back since.")
    failure_code: Text = col.text("Why it failed.")
    occurred_at: Moment = col.moment("When.", nullable=False)
