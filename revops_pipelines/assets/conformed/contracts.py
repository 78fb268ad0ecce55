"""Signed agreements with renewal and notice dates."""

from __future__ import annotations

from revops_pipelines.contracts.contracts import Contracts
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="contracts",
    contract=Contracts,
    owner="finance",
    reads=("accounts",),
)
