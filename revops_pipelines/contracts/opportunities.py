"""Deals as they stand now."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Flag, Json, Moment, Money, Text
from revops_pipelines.contracts.contract import Contract, identity


class Opportunities(Contract):
    """Deals as they stand now."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "opportunities"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("opportunity_id",),
            references={
                "account_id": "accounts",
                "owner_id": "users",
                "lead_id": "leads",
            },
        )

    opportunity_id: Text = col.key("The deal's identifier, `source:source_id`.")
    account_id: Text = col.text("Company that buys.")
    lead_id: Text = col.text("Primary contact.")
    owner_id: Text = col.text("User who owns it.")
    name: Text = col.text("Name of the deal.")
    kind: Text = col.text(
        "What kind of business.", nullable=False, one_of=("new", "expansion", "renewal", "other")
    )
    channel: Text = col.text("Acquisition channel.")
    pipeline: Text = col.text("Pipeline identifier.", nullable=False)
    stage: Text = col.text("Stage identifier, unique within its pipeline.", nullable=False)
    amount: Money = col.money("Amount in the deal's currency.")
    currency: Text = col.currency(nullable=True)
    created_at: Moment = col.moment("When it was created.", nullable=False)
    qualified_at: Moment = col.moment("When it first reached the qualified stage or one beyond.")
    close_on: Day = col.day("Expected, or actual, day of closing.")
    closed_at: Moment = col.moment("When it was last closed; null while open.")
    is_closed: Flag = col.flag("In a won or lost stage now.")
    is_won: Flag = col.flag("In a won stage now.")
    lost_reason: Text = col.text("Reason given for losing it.")
    forecast_category: Text = col.text(
        "Forecast category, in the words of `opportunity_snapshots`: pipeline, best_case, commit, "
        "closed, omitted."
    )
    url: Text = col.text("Link to the record in its system.")
    custom: Json = col.json("Custom fields, by their vendor names.")
