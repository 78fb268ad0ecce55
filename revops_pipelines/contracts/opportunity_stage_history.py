"""Every stay of a deal in a stage; re-entry makes another row."""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd
import pandera.pandas as pa

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Flag, Integer, Moment, Money, Text
from revops_pipelines.contracts.contract import Contract, identity


class OpportunityStageHistory(Contract):
    """Every stay of a deal in a stage; re-entry makes another row."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "opportunity_stage_history"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("opportunity_id", "entered_at", "stage"),
            references={"opportunity_id": "opportunities"},
        )

    opportunity_id: Text = col.key("Deal.")
    pipeline: Text = col.text("Pipeline identifier.", nullable=False)
    stage: Text = col.text("Stage identifier.", nullable=False)
    stage_label: Text = col.text("Stage as people call it.")
    stage_order: Integer = col.integer("Position of the stage in its pipeline, from 0.", ge=0)
    is_qualified: Flag = col.flag("The qualified stage or one beyond; false for lost stages.")
    is_closed: Flag = col.flag("A won or lost stage.")
    is_won: Flag = col.flag("A won stage.")
    entered_at: Moment = col.moment("When the deal entered the stage.", nullable=False)
    left_at: Moment = col.moment("When it left; null while it is there.")
    amount: Money = col.money("The deal's amount when it entered.")

    @pa.dataframe_check
    @classmethod
    def leaves_after_entering(cls, rows: pd.DataFrame) -> pd.Series[bool]:
        """A stay cannot end before it began."""
        return rows["left_at"].isna() | (rows["left_at"] >= rows["entered_at"])
