"""Marketing campaigns and programs."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Moment, Money, Text
from revops_pipelines.contracts.contract import Contract, identity


class Campaigns(Contract):
    """Marketing campaigns and programs."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "campaigns"
        metadata: ClassVar[dict[str, Any]] = identity(("campaign_id",))

    campaign_id: Text = col.key("The campaign's identifier, `source:source_id`.")
    name: Text = col.text("Name.")
    channel: Text = col.text("Channel, for example webinar.")
    kind: Text = col.text("Type as the source names it.")
    status: Text = col.text("Status as the source names it.")
    started_on: Day = col.day("First day.")
    ended_on: Day = col.day("Last day.")
    budget: Money = col.money("Planned cost.")
    currency: Text = col.currency("ISO 4217 code of the budget.", nullable=True)
    created_at: Moment = col.moment("When it was created.")
