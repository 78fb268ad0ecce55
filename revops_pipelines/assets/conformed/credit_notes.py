"""Amounts taken off bills after they were issued."""

from __future__ import annotations

from revops_pipelines.contracts.credit_notes import CreditNotes
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="credit_notes",
    contract=CreditNotes,
    owner="finance",
)
