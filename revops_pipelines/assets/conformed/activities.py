"""Touches between us and people; identifiers follow the identity links."""

from __future__ import annotations

from revops_pipelines.contracts.activities import Activities
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="activities",
    contract=Activities,
    owner="sales",
    reads=("accounts", "leads"),
)
