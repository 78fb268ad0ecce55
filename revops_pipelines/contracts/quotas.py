"""Targets of people and teams."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Money, Text
from revops_pipelines.contracts.contract import Contract, identity


class Quotas(Contract):
    """Targets of people and teams."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "quotas"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("quota_id",), references={"user_id": "users"}
        )

    quota_id: Text = col.key("The quota's identifier.")
    user_id: Text = col.text("User it belongs to.")
    team: Text = col.text("Team it belongs to.")
    period_start_on: Day = col.day("First day.", nullable=False)
    period_end_on: Day = col.day("First day after.", nullable=False)
    amount: Money = col.money("Target.", nullable=False)
    currency: Text = col.currency()
