"""gross_revenue_retention: nobody's growth hides another's loss."""

from __future__ import annotations

from metric_warehouse import Warehouse, on
from year_pairs import put_pair


def test_each_counts_at_most_what_it_paid(warehouse: Warehouse) -> None:
    put_pair(warehouse, "grown", 100, 180)
    put_pair(warehouse, "shrunk", 100, 60)
    put_pair(warehouse, "lost", 100, None)
    put_pair(warehouse, "new", None, 1000)
    warehouse.build("mrr", "mrr_movements", "gross_revenue_retention")
    shown = warehouse.values("gross_revenue_retention", columns="numerator, denominator, n")
    assert shown == {on("2026-05-01"): (160, 300, 3)}
