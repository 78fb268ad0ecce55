"""Payments that customers dispute with their bank, and what becomes of it.

Belongs here: which charges, when, and how it ends. Does not: how a dispute looks
(`shapes_dispute.py`).

Chosen by the charge's identifier, so that the company's story stays as it is: one in ninety charges
that were neither refused nor refunded. Money is taken at once and comes back when the bank agrees
with us, in one case of three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from revops_pipelines.sandbox.world.billing_calendar import DAY
from revops_pipelines.sandbox.world.billing_records import Charge

ONE_IN = 90
# A customer notices after days or weeks; we answer within a week; banks take two months.
NOTICED_DAYS, ANSWERED_DAYS, CLOSED_DAYS = 30, 6, 60
WON_ONE_IN = 3
REASONS = ("fraudulent", "subscription_canceled", "product_not_received", "general")


@dataclass(frozen=True, slots=True)
class Dispute:
    """One dispute; `closed_at` is when the bank decided."""

    charge: Charge
    created: int
    answered_at: int
    closed_at: int
    is_won: bool
    reason: str

    @property
    def id(self) -> str:
        """The dispute's identifier."""
        return f"du_1{self.charge.core}"

    @property
    def changed_at(self) -> tuple[int, ...]:
        """Creation, our answer, the decision."""
        return (self.created, self.answered_at, self.closed_at)

    def status(self, at: int) -> str:
        """In Stripe's words."""
        if at >= self.closed_at:
            return "won" if self.is_won else "lost"
        return "under_review" if at >= self.answered_at else "needs_response"


def disputes(charges: Sequence[Charge]) -> dict[str, Dispute]:
    """Every dispute, by its charge's identifier."""
    found = {}
    for charge in charges:
        chance = crc32(charge.core.encode())
        if charge.failure is None and not charge.refunds and chance % ONE_IN == 0:
            found[charge.id] = _dispute(charge, chance // ONE_IN)
    return found


def _dispute(charge: Charge, chance: int) -> Dispute:
    created = charge.created + (1 + chance % NOTICED_DAYS) * DAY + chance % DAY
    answered = created + (1 + chance % ANSWERED_DAYS) * DAY
    return Dispute(
        charge,
        created,
        answered,
        answered + (20 + chance % CLOSED_DAYS) * DAY,
        chance % WON_ONE_IN == 0,
        REASONS[chance % len(REASONS)],
    )
