"""Targets of people and teams."""

from __future__ import annotations

from revops_pipelines.contracts.quotas import Quotas
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="quotas",
    contract=Quotas,
    owner="sales",
)
