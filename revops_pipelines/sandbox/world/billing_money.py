"""Integer money as Stripe computes it: rounding, prorations, shares of a discount.

Belongs here: pure arithmetic on minor units. Does not: when anything is billed, or the Decimal
arithmetic of the truth, which is written apart on purpose (`truth_billing.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

# Currencies that Stripe takes without minor units; only those the sandbox sells in matter.
# Source: https://docs.stripe.com/currencies#zero-decimal
ZERO_DECIMAL = frozenset({"JPY", "KRW"})


def half_up(numerator: int, denominator: int) -> int:
    """The quotient rounded half away from zero.

    >>> half_up(5, 2), half_up(-5, 2), half_up(4, 3)
    (3, -3, 1)
    """
    sign = -1 if (numerator < 0) != (denominator < 0) else 1
    top, bottom = abs(numerator), abs(denominator)
    return sign * ((2 * top + bottom) // (2 * bottom))


def percent_of(amount: int, basis_points: int) -> int:
    """A percentage of an amount, in hundredths of a percent, rounded half up."""
    return half_up(amount * basis_points, 10_000)


def spread(total: int, amounts: Sequence[int]) -> list[int]:
    """Share a sum over amounts in proportion; the remainder goes to the last that has any.

    >>> spread(100, [1, 1, 1])
    [33, 33, 34]
    >>> spread(100, [30, 50])
    [30, 50]
    """
    whole = sum(amounts)
    if whole <= 0:
        return [0] * len(amounts)
    total = min(total, whole)
    shares = [total * amount // whole for amount in amounts]
    last = max(index for index, amount in enumerate(amounts) if amount)
    shares[last] += total - sum(shares)
    return shares


def prorated(amount: int, start: int, end: int, at: int) -> int:
    """What of a period's amount is left at an instant, to the second, rounded half up."""
    return half_up(amount * (end - at), end - start)
