"""Moments at which marketing met a person."""

from __future__ import annotations

from revops_pipelines.contracts.touchpoints import Touchpoints
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="touchpoints",
    contract=Touchpoints,
    owner="marketing",
    reads=("leads",),
)
