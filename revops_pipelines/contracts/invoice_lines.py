"""Lines of bills."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Flag, Money, Quantity, Text
from revops_pipelines.contracts.contract import Contract, identity


class InvoiceLines(Contract):
    """Lines of bills."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "invoice_lines"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("line_id",),
            references={
                "invoice_id": "invoices",
                "subscription_id": "subscriptions",
            },
        )

    line_id: Text = col.key("The line's identifier, `source:source_id`.")
    invoice_id: Text = col.key("Invoice.")
    subscription_id: Text = col.text("Subscription.")
    item_id: Text = col.text("Item within the subscription.")
    product: Text = col.text("Product or plan.")
    quantity: Quantity = col.quantity("Seats or units.")
    amount: Money = col.money("Amount before discounts and tax.", nullable=False)
    discount_amount: Money = col.money("Discount on the line.")
    currency: Text = col.currency()
    is_proration: Flag = col.flag("A correction for a part of a period.")
    period_start_on: Day = col.day("First day served.")
    period_end_on: Day = col.day("First day after.")
