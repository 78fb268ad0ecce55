"""Deals as they stood at the end of each day."""

from __future__ import annotations

from revops_pipelines.contracts.opportunity_snapshots import OpportunitySnapshots
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.identity import OF_LEADING_DEALS

ENTITY = Entity(
    name="opportunity_snapshots",
    contract=OpportunitySnapshots,
    owner="sales",
    resolved=OF_LEADING_DEALS,
)
