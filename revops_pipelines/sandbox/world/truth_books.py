"""What is true of the books: every line that was booked.

Belongs here: rows made from the simulation's own intentions. Does not: the sheet that holds them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from revops_pipelines.sandbox.world.books import bookings

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World


def expense_rows(world: World, now: datetime) -> list[dict[str, Any]]:
    """Rows of `expenses.csv`: the lines of the months booked by then."""
    return [
        {
            "expense_id": line.number,
            "department": line.department,
            "kind": line.kind,
            "spent_on": line.month,
            "amount": line.amount,
            "currency": line.currency,
        }
        for line in bookings(world, now)
    ]


# What `sandbox.truth` writes, by table.
TABLES = {"expenses": expense_rows}
