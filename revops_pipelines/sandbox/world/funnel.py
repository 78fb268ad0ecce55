"""How far each person came: from lead to customer.

Belongs here: when each lifecycle stage was reached, from what happened. Does not: how a CRM shows
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from revops_pipelines.sandbox.world.activities import to_the_milli
from revops_pipelines.sandbox.world.company import Account, Person
from revops_pipelines.sandbox.world.deals import Deal

# Of wanted hand-raisers without a deal, those whom sales took on nevertheless.
QUALIFIED_SHARE, MARKETING_QUALIFIED_SHARE = 0.12, 0.55


@dataclass(frozen=True, slots=True)
class Funnel:
    """When a person became what; null for stages never reached. In this order, never later ones
    first.
    """

    marketing_qualified_at: datetime | None = None
    sales_qualified_at: datetime | None = None
    opportunity_at: datetime | None = None
    customer_at: datetime | None = None


def simulate_funnels(
    seed: int, people: Sequence[Person], accounts: Sequence[Account], deals: Sequence[Deal]
) -> tuple[Funnel, ...]:
    """One per person, in their order."""
    random = Random(f"{seed}:funnels")
    first_deal: dict[int, datetime] = {}
    for deal in deals:
        for index in deal.people:
            first_deal.setdefault(index, deal.created_at)
    return tuple(_funnel(random, person, accounts, first_deal) for person in people)


def _funnel(
    random: Random,
    person: Person,
    accounts: Sequence[Account],
    first_deal: Mapping[int, datetime],
) -> Funnel:
    begins = person.raised_at or person.created_at
    opportunity = first_deal.get(person.index)
    wins = accounts[person.account_index].wins_at if person.account_index is not None else None
    customer = max(wins, person.created_at) if wins else None
    if opportunity is not None:
        before = timedelta(hours=random.uniform(0.1, 30))
        sales = max(person.created_at + timedelta(seconds=90), opportunity - before)
        sales = to_the_milli(min(sales, opportunity))
        later = customer if customer and customer > opportunity else None
        marketing = to_the_milli(min(max(begins, person.created_at), sales))
        return Funnel(marketing, sales, opportunity, to_the_milli(later) if later else None)
    if customer is not None:
        return Funnel(customer_at=to_the_milli(customer))
    if person.raised_at is None or person.excluded_reason is not None:
        return Funnel()
    if random.random() > MARKETING_QUALIFIED_SHARE:
        return Funnel()
    marketing = to_the_milli(begins + timedelta(minutes=random.uniform(1, 2_000)))
    if random.random() > QUALIFIED_SHARE:
        return Funnel(marketing)
    return Funnel(marketing, to_the_milli(marketing + timedelta(hours=random.uniform(1, 200))))
