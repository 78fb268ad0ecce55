"""Every stay of a deal in a stage."""

from __future__ import annotations

from revops_pipelines.contracts.opportunity_stage_history import OpportunityStageHistory
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.identity import OF_LEADING_DEALS

ENTITY = Entity(
    name="opportunity_stage_history",
    contract=OpportunityStageHistory,
    owner="sales",
    resolved=OF_LEADING_DEALS,
)
