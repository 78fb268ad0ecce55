"""Numbers as people read them.

Belongs here: formatting by unit. Does not: computing anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

Value = Decimal | float | int | None
NONE = "–"

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_SHORT = {"days": " d", "months": " months", "times": "x", "points": " points"}
_SCALES = ((Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "k"))


@dataclass(frozen=True, slots=True)
class Axis:
    """How a chart's axis says a unit: values divided by `divisor`, d3's `number`, a `suffix`."""

    number: str
    suffix: str = ""
    divisor: float = 1.0

    def of(self, value: Value) -> float | None:
        """The value as the axis counts it."""
        return None if value is None else float(value) / self.divisor


def axis_of(unit: str, largest: float) -> Axis:
    """The axis for values of a unit up to the largest.

    >>> axis_of("minutes", 6000), axis_of("money", 2500).number, axis_of("ratio", 0.3).number
    (Axis(number='~f', suffix=' h', divisor=60.0), '~s', '~f')
    """
    if unit == "share":
        return Axis(".0%")
    if unit == "minutes":
        return Axis("~f", " h", 60.0) if largest >= 120 else Axis("~f", " min")
    # Below a thousand the short form would write 0.3 as 300m.
    return Axis("~s" if largest >= 1000 else "~f", {"times": "x"}.get(unit, ""))


def shown(value: Value, unit: str, currency: str) -> str:
    """A value in its unit, short enough for a tile.

    >>> shown(Decimal("0.1234"), "share", "USD"), shown(Decimal("1234567"), "money", "USD")
    ('12.3%', '$1.23M')
    >>> shown(Decimal("95"), "minutes", "USD"), shown(None, "share", "USD")
    ('1 h 35 min', '–')
    """
    if value is None:
        return NONE
    exact = Decimal(str(value))
    if unit == "share":
        return f"{exact * 100:.1f}%"
    if unit == "minutes":
        return _duration(exact)
    if unit in _SHORT:
        return f"{exact:,.1f}{_SHORT[unit]}"
    if unit.startswith("money"):
        return _money(exact, currency) + ("/day" if unit == "money_per_day" else "")
    return f"{exact:,.0f}" if exact == exact.to_integral() else f"{exact:,.2f}"


def shown_change(change: Value, previous: Value, unit: str, currency: str) -> str:
    """A change against the period before: points for shares, percent for all else.

    >>> shown_change(Decimal("0.021"), Decimal("0.5"), "share", "USD")
    '+2.1 pts'
    >>> shown_change(Decimal("-5"), Decimal("50"), "days", "USD")
    '-10.0%'
    """
    if change is None or previous is None:
        return NONE
    moved, before = Decimal(str(change)), Decimal(str(previous))
    if unit == "share":
        return f"{moved * 100:+.1f} pts"
    if before == 0:
        return f"{'+' if moved >= 0 else '-'}{shown(abs(moved), unit, currency)}"
    return f"{moved / abs(before) * 100:+.1f}%"


def _duration(minutes: Decimal) -> str:
    if minutes < 60:
        return f"{minutes:.0f} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours:.0f} h {rest:.0f} min" if round(rest) else f"{hours:.0f} h"
    return f"{minutes / 1440:,.1f} d"


def _money(amount: Decimal, currency: str) -> str:
    symbol = _SYMBOLS.get(currency, f"{currency} ")
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    for scale, letter in _SCALES:
        if size >= scale:
            return f"{sign}{symbol}{size / scale:.2f}{letter}"
    return f"{sign}{symbol}{size:,.2f}"
