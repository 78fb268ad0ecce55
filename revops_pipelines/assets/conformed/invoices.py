"""Bills issued."""

from __future__ import annotations

from revops_pipelines.contracts.invoices import Invoices
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="invoices",
    contract=Invoices,
    owner="finance",
)
