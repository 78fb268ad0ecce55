"""Which people belong to which deal."""

from __future__ import annotations

from revops_pipelines.contracts.opportunity_contacts import OpportunityContacts
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="opportunity_contacts",
    contract=OpportunityContacts,
    owner="sales",
    reads=("leads",),
)
