"""What one unit of a currency is worth in the base currency from a day on."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Rate, Text
from revops_pipelines.contracts.contract import Contract, identity


class FxRates(Contract):
    """What one unit of a currency is worth in the base currency from a day on."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "fx_rates"
        metadata: ClassVar[dict[str, Any]] = identity(("currency", "base_currency", "valid_on"))

    currency: Text = col.currency("Currency converted from.")
    base_currency: Text = col.currency("Currency converted to.")
    rate: Rate = col.rate("Units of base currency for one unit.", gt=0)
    valid_on: Day = col.day("First day the rate holds.", nullable=False)
