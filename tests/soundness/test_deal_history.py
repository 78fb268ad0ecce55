"""What was read of a deal's past stays so: spans tile time, and closed periods never change.

Each is tried on random companies whose deals are pushed, pulled, reopened, deleted and told late.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from revops_pipelines.assets.metrics._deal_history import HISTORY_FRAGMENTS
from revops_pipelines.engine.metrics.render import cte, with_clause

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
from metric_warehouse import AS_OF, Warehouse
from random_company import company_of, settings_of

SEEDS = (31, 32)
EARLIER = datetime(2026, 2, 10, 12, tzinfo=UTC)
# Those whose values of a closed period rest on nothing but what was known at its end.
LOOKING_BACK = ("slip_rate", "pipeline_bridge", "pipeline_quality")
SPANS = f"""{with_clause([cte(part.name, part.sql) for part in HISTORY_FRAGMENTS])}
SELECT opportunity_id, valid_from_on, valid_to_on, state FROM deal_spans
ORDER BY opportunity_id, valid_from_on"""


@cache
def known_at(seed: int, as_of: datetime) -> Warehouse:
    warehouse = Warehouse(settings_of(seed), as_of)
    for entity, records in company_of(seed).items():
        warehouse.put(entity, *records)
    return warehouse


@pytest.mark.parametrize("seed", SEEDS)
def test_spans_of_a_deal_tile_time(seed: int) -> None:
    rows = known_at(seed, AS_OF).rows(SPANS)
    states = {row[3] for row in rows}
    assert states == {"open", "won", "lost", "deleted", "unknown", "unseen"}
    for (deal, _, until, state), (following, since, _, after) in pairwise(rows):
        if deal == following:
            assert until == since
            assert state not in ("deleted", "unseen") or after == "deleted"
        else:
            assert until == date(2200, 1, 1)


def values(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Every value of the months and quarters that were closed on the earlier day."""
    return warehouse.rows(
        "SELECT metric, grain, period_start_on, CAST(dimensions AS VARCHAR), numerator, "
        f"denominator, value, n FROM metrics.metric_values WHERE period_end_on <= '{EARLIER:%F}' "
        "ORDER BY ALL"
    )


def test_a_closed_period_never_changes() -> None:
    then, now = (known_at(SEEDS[0], as_of) for as_of in (EARLIER, AS_OF))
    for warehouse in (then, now):
        warehouse.build(*LOOKING_BACK)
    assert len(values(then)) > 1000
    assert values(then) == values(now)
