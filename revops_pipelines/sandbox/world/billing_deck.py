"""How many billed customers lead which life.

Belongs here: the deck and its dealing. Does not: the plots (`billing_plots`, `billing_endings`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from revops_pipelines.sandbox.world import billing_endings as endings
from revops_pipelines.sandbox.world import billing_plots as plots
from revops_pipelines.sandbox.world.billing_life import Life

# Lives in a deck of 60, dealt to each 60 customers in shuffled order.
DECK: Mapping[str, tuple[int, Callable[[Life], None]]] = {
    "steady": (7, plots.steady),
    "pays_by_transfer": (1, plots.pays_by_transfer),
    "grows": (8, plots.grows),
    "upgrades": (3, plots.upgrades),
    "downgrades": (2, plots.downgrades),
    "to_yearly": (2, plots.to_yearly),
    "to_monthly": (1, plots.to_monthly),
    "swaps_plan_in_a_day": (1, endings.swaps_plan_in_a_day),
    "changes_mind_in_a_day": (1, plots.changes_mind_in_a_day),
    "cancels_at_period_end": (5, endings.cancels_at_period_end),
    "cancels_at_once": (2, endings.cancels_at_once),
    "returns": (2, endings.returns),
    "recovers_soon": (2, endings.recovers_soon),
    "recovers_late": (1, endings.recovers_late),
    "lost_soon": (1, endings.lost_soon),
    "lost_late": (1, endings.lost_late),
    "pauses": (2, endings.pauses),
    "pauses_for_good": (1, endings.pauses_for_good),
    "tries_only": (1, endings.tries_only),
    "is_deleted": (1, endings.is_deleted),
    "has_several": (3, plots.has_several),
    "tries_an_extra": (2, plots.tries_an_extra),
    "free_then_pays": (1, plots.free_then_pays),
    "is_a_partner": (1, plots.is_a_partner),
    "two_months_free": (1, plots.two_months_free),
    "welcomed": (1, plots.welcomed),
    "spring_offer": (1, plots.spring_offer),
    "saves": (1, plots.saves),
    "uses_much": (2, plots.uses_much),
    "buys_modules": (1, plots.buys_modules),
    "stumbles": (1, endings.stumbles),
    "never_subscribes": (1, endings.never_subscribes),
}


def deal(seed: int, count: int) -> list[str]:
    """A plot for each of so many customers; the first n do not depend on how many follow."""
    cards = [name for name, (number, _) in DECK.items() for _ in range(number)]
    dealt: list[str] = []
    while len(dealt) < count:
        random = Random(f"{seed}:billing:deck:{len(dealt)}")
        dealt.extend(random.sample(cards, len(cards)))
    return dealt[:count]
