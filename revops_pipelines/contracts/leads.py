"""People who may buy, one row per real person, duplicates and merges folded in."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Flag, Json, Moment, Text
from revops_pipelines.contracts.contract import Contract, identity


class Leads(Contract):
    """People who may buy, one row per real person, duplicates and merges folded in."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "leads"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("lead_id",), references={"owner_id": "users", "account_id": "accounts"}
        )

    lead_id: Text = col.key(
        "The person's identifier across systems, `source:source_id` of the record that leads."
    )
    account_id: Text = col.text("Company the person belongs to.")
    owner_id: Text = col.text("User who owns the lead now.")
    email: Text = col.text("E-mail address, lower case.")
    full_name: Text = col.text("Name of the person.")
    country: Text = col.text("ISO 3166 two-letter country code.")
    region: Text = col.text("Sales region.")
    industry: Text = col.text("Industry of the person's company.")
    segment: Text = col.text("Company-size band.")
    channel: Text = col.text("Acquisition channel, for example paid_search.")
    lifecycle_stage: Text = col.text(
        "Where the person stands in the funnel, as the source names it."
    )
    is_inbound: Flag = col.flag("The person raised a hand: a form, a chat, a call to us.")
    raised_at: Moment = col.moment(
        "When the person first raised a hand; null for those who never did."
    )
    assigned_at: Moment = col.moment("When an owner was first assigned.")
    qualified_at: Moment = col.moment("When the person was first qualified for sales.")
    excluded_reason: Text = col.text(
        "Why the lead does not count in response metrics.",
        one_of=("test", "spam", "internal", "imported", "invalid_email"),
    )
    created_at: Moment = col.moment("When the record was created in its source.", nullable=False)
    url: Text = col.text("Link to the record in its system.")
    custom: Json = col.json("Custom fields, by their vendor names.")
