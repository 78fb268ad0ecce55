"""Companies on an account-based list."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Text
from revops_pipelines.contracts.contract import Contract, identity


class TargetAccounts(Contract):
    """Companies on an account-based list."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "target_accounts"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("account_id", "list_name"), references={"account_id": "accounts"}
        )

    account_id: Text = col.key("Company.")
    list_name: Text = col.text("List it is on.", nullable=False)
    added_on: Day = col.day("First day on the list.")
    removed_on: Day = col.day("First day off the list.")
