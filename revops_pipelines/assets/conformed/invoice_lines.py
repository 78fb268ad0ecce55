"""Lines of bills."""

from __future__ import annotations

from revops_pipelines.contracts.invoice_lines import InvoiceLines
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="invoice_lines",
    contract=InvoiceLines,
    owner="finance",
)
