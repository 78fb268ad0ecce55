"""Signed agreements with their renewal and notice dates."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Flag, Money, Text
from revops_pipelines.contracts.contract import Contract, identity


class Contracts(Contract):
    """Signed agreements with their renewal and notice dates."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "contracts"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("contract_id",), references={"customer_id": "customers", "account_id": "accounts"}
        )

    contract_id: Text = col.key("The contract's identifier, `source:source_id`.")
    customer_id: Text = col.text("Customer.")
    account_id: Text = col.text("Company.")
    starts_on: Day = col.day("First day.", nullable=False)
    ends_on: Day = col.day("First day after; null if it has no end.")
    renewal_on: Day = col.day("Day on which it renews.")
    notice_on: Day = col.day("Last day on which notice can be given.")
    annual_amount: Money = col.money("Worth of one year.")
    currency: Text = col.currency(nullable=True)
    auto_renews: Flag = col.flag("Renews by itself.", nullable=True)
