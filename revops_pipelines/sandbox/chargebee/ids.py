"""Chargebee's identifiers of the company's records, as pure functions of the world's.

Belongs here: identifiers alone. Does not: what they name.

The world names its billing records as Stripe would; tests map its truth through these functions.
"""

from __future__ import annotations

_NOTES = {"change": "CN", "refund": "RF", "write_off": "WO"}


def customer_id(world_id: str) -> str:
    """The customer's identifier.

    >>> customer_id("cus_AbC123")
    'cbAbC123'
    """
    return f"cb{world_id.removeprefix('cus_')}"


def subscription_id(world_id: str) -> str:
    """The subscription's identifier.

    >>> subscription_id("sub_1AbC123")
    'cbAbC123'
    """
    return f"cb{world_id.removeprefix('sub_1')}"


def invoice_id(prefix: str, number: int) -> str:
    """An invoice's identifier is the number on the document.

    >>> invoice_id("X7PQ", 12)
    'X7PQ-0012'
    """
    return f"{prefix}-{number:04d}"


def note_id(core: str, kind: str) -> str:
    """A credit note's identifier: CN for changes, RF for refunds, WO for what is written off."""
    return f"{_NOTES[kind]}-{core}"


def transaction_id(core: str) -> str:
    """A payment's or refund's identifier."""
    return f"txn_{core}"
