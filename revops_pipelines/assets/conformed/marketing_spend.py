"""Money spent on marketing."""

from __future__ import annotations

from revops_pipelines.contracts.marketing_spend import MarketingSpend
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="marketing_spend",
    contract=MarketingSpend,
    owner="marketing",
)
