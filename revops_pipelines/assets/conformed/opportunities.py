"""Deals as they stand now."""

from __future__ import annotations

from revops_pipelines.contracts.opportunities import Opportunities
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.golden import FIRST_RECORD, golden_rows
from revops_pipelines.engine.conform.identity import link_opportunities

ENTITY = Entity(
    name="opportunities",
    contract=Opportunities,
    owner="sales",
    link=link_opportunities,
    resolved=golden_rows(Opportunities, "opportunities", usual=FIRST_RECORD),
    reads=("accounts", "leads"),
)
