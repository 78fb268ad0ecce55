"""Attempts to pay."""

from __future__ import annotations

from revops_pipelines.contracts.payments import Payments
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="payments",
    contract=Payments,
    owner="finance",
)
