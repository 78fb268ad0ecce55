"""Rates of exchange into the base currency."""

from __future__ import annotations

from revops_pipelines.contracts.fx_rates import FxRates
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="fx_rates",
    contract=FxRates,
    owner="finance",
)
