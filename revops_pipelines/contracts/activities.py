"""Touches between us and a person: calls, mails, meetings; one row per activity and person."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Flag, Moment, Text
from revops_pipelines.contracts.contract import Contract, identity


class Activities(Contract):
    """Touches between us and a person: calls, mails, meetings; one row per activity and person."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "activities"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("activity_id", "lead_id"),
            references={
                "lead_id": "leads",
                "account_id": "accounts",
                "opportunity_id": "opportunities",
                "user_id": "users",
            },
        )

    activity_id: Text = col.key(
        "The activity's identifier, `source:id`; one activity may touch several people."
    )
    lead_id: Text = col.text("Person touched.")
    account_id: Text = col.text("Company touched.")
    opportunity_id: Text = col.text("Deal it belongs to.")
    user_id: Text = col.text("User who did it.")
    kind: Text = col.text(
        "What it was.",
        nullable=False,
        one_of=("call", "email", "meeting", "message", "task", "note", "form", "web", "other"),
    )
    direction: Text = col.text(
        "From us (outbound), to us (inbound), or neither.",
        nullable=False,
        one_of=("outbound", "inbound", "internal"),
    )
    is_human: Flag = col.flag(
        "A person of ours did it; false for sequences, auto-replies, marketing mail and bots."
    )
    is_two_way: Flag = col.flag("Both sides took part: a conversation, a reply, a meeting held.")
    outcome: Text = col.text("How it ended, for example connected, voicemail, bounced.")
    occurred_at: Moment = col.moment("When it happened.", nullable=False)
    url: Text = col.text("Link to the record in its system.")
