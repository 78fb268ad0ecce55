"""Our own people who own leads, accounts and deals."""

from __future__ import annotations

from revops_pipelines.contracts.users import Users
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="users",
    contract=Users,
    owner="revenue-operations",
)
