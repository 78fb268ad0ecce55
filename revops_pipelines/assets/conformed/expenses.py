"""What it costs to sell and to serve."""

from __future__ import annotations

from revops_pipelines.contracts.expenses import Expenses
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="expenses",
    contract=Expenses,
    owner="finance",
)
