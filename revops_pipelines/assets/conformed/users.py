"""Our own people who own leads, accounts and deals."""

from __future__ import annotations

from revops_pipelines.contracts.users import Users
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.golden import golden_rows
from revops_pipelines.engine.conform.identity import link_users

ENTITY = Entity(
    name="users",
    contract=Users,
    owner="revenue-operations",
    link=link_users,
    # Whoever works in one of our systems works here.
    resolved=golden_rows(Users, "users", {"is_active": "bool_or({})"}),
)
