"""closed_value_velocity: value won over the mean cycle."""

from __future__ import annotations

from metric_warehouse import Warehouse, at, on


def test_value_over_mean_days(warehouse: Warehouse) -> None:
    for deal, created, amount, won in (
        ("a", "2026-04-10 00:00", 300, True),
        ("b", "2026-05-05 00:00", 100, True),
        ("c", "2026-05-05 00:00", 999, False),
        ("d", "2026-05-15 00:00", 999, True),
    ):
        warehouse.put(
            "opportunities",
            {
                "opportunity_id": deal,
                "created_at": at(created),
                "amount": amount,
                "is_closed": True,
                "is_won": won,
                "closed_at": at("2026-05-10 00:00"),
            },
        )
    warehouse.build("closed_value_velocity")
    # 400 over the mean of 30 and 5 days; the last closed before it began.
    assert float(warehouse.value("closed_value_velocity", "2026-05-01")) == 22.85714286
    shown = warehouse.values("closed_value_velocity", columns="numerator, denominator, n, excluded")
    numerator, denominator, n, excluded = shown[on("2026-05-01")]
    assert (numerator, float(denominator), n) == (400, 17.5, 2)
    assert excluded == '{"closed_before_created":1}'
