"""Agreements to pay again and again, as they stand now."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Flag, Moment, Text
from revops_pipelines.contracts.contract import Contract, identity


class Subscriptions(Contract):
    """Agreements to pay again and again, as they stand now."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "subscriptions"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("subscription_id",), references={"customer_id": "customers"}
        )

    subscription_id: Text = col.key("The subscription's identifier, `source:source_id`.")
    customer_id: Text = col.key("Customer.")
    status: Text = col.text(
        "Status now.",
        nullable=False,
        one_of=(
            "trialing",
            "active",
            "past_due",
            "unpaid",
            "paused",
            "canceled",
            "incomplete",
            "free",
        ),
    )
    currency: Text = col.currency()
    started_on: Day = col.day("First day.", nullable=False)
    ended_on: Day = col.day("First day without it; null while it runs.")
    trial_start_on: Day = col.day("First day of trial.")
    trial_end_on: Day = col.day("First day after trial.")
    cancel_requested_at: Moment = col.moment("When it was canceled, even if it ran on.")
    cancel_reason: Text = col.text("Why it ended.", one_of=("voluntary", "involuntary"))
    is_auto_renewing: Flag = col.flag("It goes on without a new signature.", nullable=True)
    url: Text = col.text("Link to the record in its system.")
