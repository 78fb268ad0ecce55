"""Which people belong to which deal (many to many)."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Flag, Text
from revops_pipelines.contracts.contract import Contract, identity


class OpportunityContacts(Contract):
    """Which people belong to which deal (many to many)."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "opportunity_contacts"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("opportunity_id", "lead_id"),
            references={"opportunity_id": "opportunities", "lead_id": "leads"},
        )

    opportunity_id: Text = col.key("Deal.")
    lead_id: Text = col.key("Person.")
    is_primary: Flag = col.flag("The deal's primary contact.")
