"""Parties that are billed, as the billing system knows them."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Json, Moment, Text
from revops_pipelines.contracts.contract import Contract, identity


class Customers(Contract):
    """Parties that are billed, as the billing system knows them."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "customers"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("customer_id",), references={"account_id": "accounts"}
        )

    customer_id: Text = col.key("The customer's identifier, `source:source_id`.")
    account_id: Text = col.text("Company in the CRM, where a link was found.")
    name: Text = col.text("Name.")
    email: Text = col.text("Billing e-mail address, lower case.")
    domain: Text = col.text("Domain of that address unless generic.")
    country: Text = col.text("ISO 3166 two-letter country code.")
    currency: Text = col.currency("Currency it is billed in.", nullable=True)
    segment: Text = col.text("Company-size band.")
    industry: Text = col.text("Industry.")
    region: Text = col.text("Sales region.")
    external_account_id: Text = col.text(
        "The CRM company's identifier that the billing system was told."
    )
    created_at: Moment = col.moment("When it was created.")
    url: Text = col.text("Link to the record in its system.")
    custom: Json = col.json("Custom fields, by their vendor names.")
