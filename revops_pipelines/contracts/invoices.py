"""Bills issued."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Moment, Money, Text
from revops_pipelines.contracts.contract import Contract, identity


class Invoices(Contract):
    """Bills issued."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "invoices"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("invoice_id",),
            references={
                "customer_id": "customers",
                "subscription_id": "subscriptions",
            },
        )

    invoice_id: Text = col.key("The invoice's identifier, `source:source_id`.")
    customer_id: Text = col.key("Customer.")
    subscription_id: Text = col.text("Subscription billed.")
    number: Text = col.text("Number on the document.")
    status: Text = col.text(
        "Status now.", nullable=False, one_of=("draft", "open", "paid", "void", "uncollectible")
    )
    currency: Text = col.currency()
    total: Money = col.money("Total with tax, after discounts.", nullable=False)
    tax: Money = col.money("Tax in the total.")
    amount_paid: Money = col.money("Paid so far.")
    amount_due: Money = col.money("Still due.")
    issued_at: Moment = col.moment("When it was finalised.")
    due_at: Moment = col.moment("When it is due.")
    paid_at: Moment = col.moment("When it was paid in full.")
    voided_at: Moment = col.moment("When it was voided.")
    uncollectible_at: Moment = col.moment("When it was written off.")
    url: Text = col.text("Link to the record in its system.")
