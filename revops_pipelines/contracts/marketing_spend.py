"""Money spent on marketing, by day or month and campaign."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Money, Text
from revops_pipelines.contracts.contract import Contract, identity


class MarketingSpend(Contract):
    """Money spent on marketing, by day or month and campaign."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "marketing_spend"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("spend_id",), references={"campaign_id": "campaigns"}
        )

    spend_id: Text = col.key("The row's identifier, `source:source_id`.")
    campaign_id: Text = col.text("Campaign it was spent on.")
    channel: Text = col.text("Channel it was spent on.")
    spent_on: Day = col.day("Day, or first day of the month, it belongs to.", nullable=False)
    amount: Money = col.money("Amount.", nullable=False)
    currency: Text = col.currency()
