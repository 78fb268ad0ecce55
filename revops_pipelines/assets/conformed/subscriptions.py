"""Agreements to pay again and again."""

from __future__ import annotations

from revops_pipelines.contracts.subscriptions import Subscriptions
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="subscriptions",
    contract=Subscriptions,
    owner="finance",
)
