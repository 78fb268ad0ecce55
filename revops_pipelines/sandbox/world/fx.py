"""Rates of exchange: what one unit of a currency is worth in US dollars, month by month.

Belongs here: a smooth, seeded walk around a plausible level. Does not: how HubSpot publishes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from math import sin
from random import Random

BASE_CURRENCY = "USD"

# currency: (level, decimals that HubSpot would show)
LEVELS: dict[str, tuple[str, str]] = {
    "EUR": ("1.0900", "0.0001"),
    "GBP": ("1.2700", "0.0001"),
    "JPY": ("0.006700", "0.000001"),
}


@dataclass(frozen=True, slots=True)
class Fx:
    """All rates of one world; the same seed gives the same rates."""

    seed: int

    def monthly_rate(self, currency: str, month: date) -> Decimal:
        """Dollars for one unit of the currency in the month of that day.

        KeyError for a currency that the company does not sell in.
        """
        if currency == BASE_CURRENCY:
            return Decimal(1)
        return _rate(self.seed, currency, month.year * 12 + month.month)


@lru_cache(maxsize=4_096)
def _rate(seed: int, currency: str, number: int) -> Decimal:
    level, step = LEVELS[currency]
    random = Random(f"{seed}:fx:{currency}")
    slow, fast = random.uniform(0, 6), random.uniform(0, 6)
    noise = Random(f"{seed}:fx:{currency}:{number}").gauss(0, 0.006)
    swing = 0.05 * sin(slow + number / 5) + 0.02 * sin(fast + number / 1.7) + noise
    rate = Decimal(level) * (1 + Decimal(f"{swing:.6f}"))
    return rate.quantize(Decimal(step), ROUND_HALF_UP)
