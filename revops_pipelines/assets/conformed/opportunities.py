"""Deals as they stand now."""

from __future__ import annotations

from revops_pipelines.contracts.opportunities import Opportunities
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="opportunities",
    contract=Opportunities,
    owner="sales",
    reads=("accounts", "leads"),
)
