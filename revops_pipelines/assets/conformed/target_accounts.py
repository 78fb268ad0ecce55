"""Companies on account-based lists."""

from __future__ import annotations

from revops_pipelines.contracts.target_accounts import TargetAccounts
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="target_accounts",
    contract=TargetAccounts,
    owner="marketing",
    reads=("accounts",),
)
