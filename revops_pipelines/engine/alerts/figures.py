"""Numbers, periods and breakdowns as alerts word them: exact enough to act on, in plain text.

Belongs here: the words. Does not: judging. The report rounds for tiles; an alert says what was
compared with what.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

_SUFFIXES = {
    "minutes": " min",
    "days": " days",
    "months": " months",
    "times": "x",
    "points": " points",
}
TOTAL = "total"


def figure(value: Any, unit: str, currency: str = "") -> str:
    """A value in its unit.

    >>> figure(Decimal("0.1234"), "share"), figure(Decimal("1234.5"), "money", "USD")
    ('12.3 %', '1,234.50 USD')
    >>> figure(3, "count"), figure(Decimal("2.345"), "times"), figure(None, "share")
    ('3', '2.3x', 'none')
    """
    if value is None:
        return "none"
    exact = Decimal(str(value))
    if unit == "share":
        return f"{exact * 100:.1f} %"
    if unit.startswith("money"):
        text = f"{exact:,.2f} {currency}".rstrip()
        return f"{text} a day" if unit == "money_per_day" else text
    if unit in _SUFFIXES:
        return f"{exact:,.1f}{_SUFFIXES[unit]}"
    return f"{exact:,.0f}" if exact == exact.to_integral() else f"{exact:,.2f}"


def period_name(grain: str, start_on: date) -> str:
    """A period as people call it.

    >>> period_name("month", date(2026, 5, 1)), period_name("quarter", date(2026, 4, 1))
    ('May 2026', 'the quarter from 2026-04-01')
    """
    return f"{start_on:%B %Y}" if grain == "month" else f"the {grain} from {start_on}"


def breakdown_name(dimensions: Mapping[str, str]) -> str:
    """A breakdown in keys: `total`, `segment:SMB`, `channel:web,model:first`."""
    return ",".join(f"{name}:{dimensions[name]}" for name in sorted(dimensions)) or TOTAL


def breakdown_text(dimensions: Mapping[str, str], owner: str | None = None) -> str:
    """A breakdown at the end of a sentence; people by their names.

    >>> breakdown_text({"segment": "SMB"}), breakdown_text({})
    (', segment SMB', '')
    """
    named = {**dimensions, "owner": owner} if owner else dimensions
    return "".join(f", {name} {named[name]}" for name in sorted(dimensions))


def midnight(day: date) -> datetime:
    """The instant (UTC) at which a day begins."""
    return datetime.combine(day, time(0), tzinfo=UTC)


def in_utc(stored: datetime | None) -> datetime | None:
    """A stored instant with its zone."""
    return None if stored is None else stored.replace(tzinfo=UTC)
