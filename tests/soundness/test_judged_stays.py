"""What was judged once stays so: later knowledge changes no mature value of an earlier day.

Records that are deleted later are left out: they change what was known, and are restatements.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
from metric_warehouse import AS_OF, METRICS, Warehouse, in_order
from random_company import company_of, settings_of

SEEDS = (31, 32)
EARLIER = datetime(2026, 4, 17, 9, tzinfo=UTC)
BUILT = {
    "mrr",
    "mrr_movements",
    "arpa",
    "quick_ratio",
    "net_new_arr",
    "revenue_growth",
    "cohort_retention",
    "gross_mrr_churn",
    "net_mrr_churn",
    "payment_recovery",
    "renewal_rate",
    "upsell_rate",
    "committed_arr",
    "revenue_predictability",
}
# A late renewal counts for a term only where no later term claims it on time.
APART = {"renewal_rate_late"}


@cache
def built(seed: int, as_of: datetime) -> Warehouse:
    warehouse = Warehouse(settings_of(seed), as_of)
    for entity, records in company_of(seed).items():
        warehouse.put(entity, *({**row, "_deleted_at": None} for row in records))
    warehouse.build(*(name for name in in_order() if name in BUILT))
    return warehouse


def mature(warehouse: Warehouse) -> dict[Any, Any]:
    rows = warehouse.rows(
        "SELECT metric, grain, period_start_on, CAST(dimensions AS VARCHAR), value, numerator, "
        "denominator, n FROM metrics.metric_values WHERE is_mature"
    )
    return {row[:4]: row[4:] for row in rows if row[0] not in APART}


@pytest.mark.parametrize("seed", SEEDS)
def test_later_knowledge_changes_nothing_mature(seed: int) -> None:
    then, now = mature(built(seed, EARLIER)), mature(built(seed, AS_OF))
    assert len(then) > 2000
    assert {key: (then[key], now.get(key)) for key in then if then[key] != now.get(key)} == {}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("metric", sorted(BUILT))
def test_identities_hold_on_any_day(metric: str, seed: int) -> None:
    for identity in METRICS[metric].identities:
        assert built(seed, EARLIER).rows(identity.broken) == [], identity.name
        assert built(seed, AS_OF).rows(identity.broken) == [], identity.name
