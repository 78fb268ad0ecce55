"""Marketing campaigns and programs."""

from __future__ import annotations

from revops_pipelines.contracts.campaigns import Campaigns
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="campaigns",
    contract=Campaigns,
    owner="marketing",
)
