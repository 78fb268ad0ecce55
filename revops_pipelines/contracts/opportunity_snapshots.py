"""Deals as they stood at the end of each day on which they changed.

Sparse: a row for each day at whose end the deal stood otherwise than the day before, the first on
the day of its creation. How it stood on any day is its last row up to that day. Days are UTC. A
deal that was deleted has rows up to its deletion, and `_deleted_at` on all of them: from that day's
end on it did not stand at all.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Flag, Money, Number, Text
from revops_pipelines.contracts.contract import Contract, identity

# What sellers think of a deal, in the words that all systems share: perhaps, in the best case,
# promised; won; not to be counted on.
ForecastCategory = Literal["pipeline", "best_case", "commit", "closed", "omitted"]


class OpportunitySnapshots(Contract):
    """Deals as they stood at the end of each day on which they changed."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "opportunity_snapshots"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("opportunity_id", "snapshot_on"),
            references={"opportunity_id": "opportunities", "owner_id": "users"},
        )

    opportunity_id: Text = col.key("Deal.")
    snapshot_on: Day = col.day(
        "Day (UTC) at whose end the deal stood so, and until its next row; on the day of its "
        "deletion, how it stood when it was deleted.",
        nullable=False,
    )
    pipeline: Text = col.text("Pipeline identifier.")
    stage: Text = col.text("Stage identifier; null where its history does not reach back so far.")
    amount: Money = col.money("Amount.")
    currency: Text = col.currency(nullable=True)
    close_on: Day = col.day("Expected day of closing; of a closed deal the day it was closed.")
    forecast_category: Text = col.text(
        "Forecast category; of a won deal `closed`, of a lost one `omitted`; null where nobody "
        "said.",
        one_of=get_args(ForecastCategory),
    )
    probability: Number = col.number(
        "Chance that it is won, 0 to 1, as its system told it; null where it tells none.",
        ge=0,
        le=1,
    )
    owner_id: Text = col.text("Owner.")
    is_closed: Flag = col.flag("In a won or lost stage.")
    is_won: Flag = col.flag("In a won stage.")
