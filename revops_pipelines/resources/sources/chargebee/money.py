"""SQL for Chargebee's integers: amounts in minor units, instants in epoch seconds.

Belongs here: currencies' exponents, exact integer rounding, days and timestamps. Does not: what
is counted (`ledger.py`, `offers.py`).

DuckDB divides decimals as doubles, so money is rounded in whole numbers (HUGEINT) and becomes
DECIMAL at the very end.
"""

from __future__ import annotations

# Minor units as ISO 4217 has them, which Chargebee follows.
# Source: https://apidocs.chargebee.com/docs/api#currencies
ZERO_DECIMAL = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()
THREE_DECIMAL = "BHD IQD JOD KWD LYD OMR TND".split()


def units(currency: str) -> str:
    """SQL for the number of minor units in one of the currency: 1, 100 or 1000."""
    return (
        f"CASE WHEN upper({currency}) IN ({_listed(ZERO_DECIMAL)}) THEN 1 "
        f"WHEN upper({currency}) IN ({_listed(THREE_DECIMAL)}) THEN 1000 ELSE 100 END"
    )


def half_up(numerator: str, denominator: str) -> str:
    """SQL for a quotient of integers rounded half away from zero; the denominator is positive.

    5 / 2 becomes 3, -5 / 2 becomes -3. `//` truncates towards zero.
    """
    return (
        f"(sign({numerator}) * ((2 * abs(({numerator})::HUGEINT) + ({denominator})) "
        f"// (2 * ({denominator})::HUGEINT)))"
    )


def cents(hundredths: str) -> str:
    """SQL for hundredths of a currency unit as DECIMAL(18,2), exactly."""
    return f"(({hundredths})::DECIMAL(18,0) * 0.01::DECIMAL(2,2))::DECIMAL(18,2)"


def amount(minor: str, currency: str) -> str:
    """SQL for an integer amount as DECIMAL(18,2) in major units.

    1050 USD is 10.50, 1050 JPY is 1050.00, 1055 KWD is 1.06 (the contract keeps two decimals).
    """
    return cents(half_up(f"{minor} * 100", units(currency)))


def moment(seconds: str) -> str:
    """SQL for epoch seconds as a UTC timestamp."""
    return f"make_timestamp(({seconds}) * 1000000)"


def day(seconds: str) -> str:
    """SQL for the UTC date of epoch seconds."""
    return f"make_timestamp(({seconds}) * 1000000)::DATE"


def _listed(words: list[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
