"""What marketing and routing did in a random company: owners, touches, campaigns, money, lists.

Belongs here: drawing rows. Does not: what they amount to (the oracles).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random_company import Draw, Rows


def extend(draw: Draw, rows: Rows) -> None:
    """Add them to a company's rows."""
    for lead in rows["leads"]:
        lead["assigned_at"] = _assigned(draw, lead)


def _assigned(draw: Draw, lead: dict[str, Any]) -> Any:
    """Never, long before, at once, or after a while that may end in the future."""
    since = lead["raised_at"] or lead["created_at"]
    hours = draw.choice((-500, 0, 1, 20, 500, None))
    return (
        None if hours is None else since + timedelta(seconds=draw.randrange(1, 3600) + hours * 3600)
    )
