"""Moments at which marketing met a person."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Moment, Text
from revops_pipelines.contracts.contract import Contract, identity


class Touchpoints(Contract):
    """Moments at which marketing met a person."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "touchpoints"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("touchpoint_id",), references={"lead_id": "leads", "campaign_id": "campaigns"}
        )

    touchpoint_id: Text = col.key("The touchpoint's identifier, `source:source_id`.")
    lead_id: Text = col.text("Person met.")
    campaign_id: Text = col.text("Campaign it belongs to.")
    channel: Text = col.text("Channel, for example email.")
    kind: Text = col.text("What happened, for example form_fill.")
    occurred_at: Moment = col.moment("When.", nullable=False)
