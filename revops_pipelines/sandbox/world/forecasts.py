"""What sellers expect of a deal in each stage.

Belongs here: the forecast category and the chance that go with a stage, in plain words. Does not:
how each vendor spells them.
"""

from __future__ import annotations

from decimal import Decimal

from revops_pipelines.sandbox.world.deal_paths import Stage

# Chances from which a deal is more than just in the pipeline.
LIKELY = {"0.8": "best_case", "0.9": "commit"}


def category_of(stage: Stage) -> str:
    """The forecast category of a deal in that stage.

    >>> category_of(Stage("5", "Contract sent", "0.9"))
    'commit'
    """
    if stage.is_closed:
        return "closed" if stage.is_won else "omitted"
    return LIKELY.get(stage.probability, "pipeline")


def chance_of(stage: Stage) -> Decimal:
    """The chance that a deal in that stage is won, 0 to 1."""
    return Decimal(stage.probability)
