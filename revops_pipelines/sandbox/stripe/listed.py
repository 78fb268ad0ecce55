"""One of Stripe's lists: its shelf and the filters that it knows.

Belongs here: the shape that every list is declared in. Does not: any list (`lists.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from revops_pipelines.sandbox.stripe.shelf import Shelf

# Asks whether a record passes a filter's value as of an instant.
Passes = Callable[[Any, str, int], bool]


@dataclass(frozen=True)
class Listed:
    """A list of the API. `filters` beyond the shelf's keys; `defaults` of those not given."""

    shelf: Shelf
    filters: Mapping[str, Passes] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    # Accepted and of no consequence here.
    ignored: frozenset[str] = frozenset()

    @property
    def known(self) -> frozenset[str]:
        """Every parameter beside paging."""
        return frozenset({"created", *self.filters, *self.shelf.keys, *self.ignored})


def own_looks(record: Any) -> tuple[int, ...]:
    """The instants from which a record looks different, as it tells itself."""
    changed: tuple[int, ...] = record.changed_at
    return changed


def intent_of(record: Any) -> str:
    """The payment intent of what belongs to a bill."""
    return f"pi_3{record.invoice.core}"
