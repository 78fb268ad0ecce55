"""Companies: prospects, customers and their parents, one row per real company."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Integer, Json, Moment, Text
from revops_pipelines.contracts.contract import Contract, identity


class Accounts(Contract):
    """Companies: prospects, customers and their parents, one row per real company."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "accounts"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("account_id",), references={"owner_id": "users", "parent_account_id": "accounts"}
        )

    account_id: Text = col.key(
        "The company's identifier across systems, `source:source_id` of the record that leads."
    )
    name: Text = col.text("Name of the company.")
    domain: Text = col.text("Web domain, lower case, without www.")
    industry: Text = col.text("Industry as the source names it.")
    employees: Integer = col.integer("Number of employees.", ge=0)
    segment: Text = col.text("Company-size band.")
    country: Text = col.text("ISO 3166 two-letter country code.")
    region: Text = col.text("Sales region.")
    owner_id: Text = col.text("User who owns the account.")
    parent_account_id: Text = col.text("Parent company.")
    created_at: Moment = col.moment("When the company was created in its source.")
    url: Text = col.text("Link to the record in its system.")
    custom: Json = col.json("Custom fields, by their vendor names.")
