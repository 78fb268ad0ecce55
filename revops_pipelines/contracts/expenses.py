"""What it costs to sell and to serve, as the books or a sheet have it."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Money, Text
from revops_pipelines.contracts.contract import Contract, identity


class Expenses(Contract):
    """What it costs to sell and to serve, as the books or a sheet have it."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "expenses"
        metadata: ClassVar[dict[str, Any]] = identity(("expense_id",))

    expense_id: Text = col.key("The row's identifier, `source:source_id`.")
    department: Text = col.text(
        "Who spends it.", nullable=False, one_of=("marketing", "sales", "success", "serving")
    )
    kind: Text = col.text("What for, for example salaries, commissions, tools or media.")
    spent_on: Day = col.day("Day, or first day of the month, it belongs to.", nullable=False)
    amount: Money = col.money("Amount.", nullable=False)
    currency: Text = col.currency()
