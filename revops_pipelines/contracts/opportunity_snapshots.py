"""Deals as they stood at the end of each day."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Flag, Money, Text
from revops_pipelines.contracts.contract import Contract, identity


class OpportunitySnapshots(Contract):
    """Deals as they stood at the end of each day."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "opportunity_snapshots"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("opportunity_id", "snapshot_on"),
            references={"opportunity_id": "opportunities", "owner_id": "users"},
        )

    opportunity_id: Text = col.key("Deal.")
    snapshot_on: Day = col.day("Day at whose end the deal stood so.", nullable=False)
    pipeline: Text = col.text("Pipeline identifier.")
    stage: Text = col.text("Stage identifier.")
    amount: Money = col.money("Amount.")
    currency: Text = col.currency(nullable=True)
    close_on: Day = col.day("Expected day of closing.")
    forecast_category: Text = col.text("Forecast category.")
    owner_id: Text = col.text("Owner.")
    is_closed: Flag = col.flag("In a won or lost stage.")
    is_won: Flag = col.flag("In a won stage.")
