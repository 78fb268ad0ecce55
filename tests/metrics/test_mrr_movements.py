"""mrr_movements: one customer's life at a time, written as its MRR month by month."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from metric_warehouse import Warehouse, on

MONTHS = ("2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01", "2026-06-01")


def put_life(
    warehouse: Warehouse, *amounts: Any, customer: str = "c", currency: str = "USD"
) -> None:
    """Amounts of January, February and so on; None where nothing is paid."""
    for place, amount in enumerate(amounts):
        if amount is not None:
            warehouse.put(
                "subscription_periods",
                {
                    "subscription_id": f"s{customer}{currency}",
                    "customer_id": customer,
                    "item_id": "i",
                    "monthly_amount": amount,
                    "currency": currency,
                    "valid_from_on": on(MONTHS[place]),
                    "valid_to_on": on(MONTHS[place + 1]),
                },
            )


def movements(warehouse: Warehouse) -> list[tuple[int, str, Decimal]]:
    """(month, movement, amount) of every row, in order."""
    warehouse.build("mrr", "mrr_movements")
    return warehouse.rows(
        "SELECT month(period_start_on), movement, amount FROM metrics.mrr_movements ORDER BY ALL"
    )


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        ((10, 10, 10), [(1, "new", 10), (2, "none", 0), (3, "none", 0), (4, "churn", -10)]),
        ((10, 15, 12), [(1, "new", 10), (2, "expansion", 5), (3, "contraction", -3)]),
        ((10, None, 10), [(1, "new", 10), (2, "churn", -10), (3, "reactivation", 10)]),
        ((10, None, 25), [(1, "new", 10), (2, "churn", -10), (3, "reactivation", 25)]),
        ((None, None, 7), [(3, "new", 7)]),
        ((0, 7), [(2, "new", 7), (3, "churn", -7)]),
    ],
)
def test_lives(warehouse: Warehouse, life: Any, expected: list[Any]) -> None:
    put_life(warehouse, *life)
    found = movements(warehouse)
    assert found[: len(expected)] == expected
    gone = {(month, movement) for month, movement, _ in found[len(expected) :]}
    assert gone <= {(4, "churn"), (4, "none"), (5, "none")}
    assert max(month for month, _, _ in found) == 5


def test_opening_and_closing_stand_on_every_row(warehouse: Warehouse) -> None:
    put_life(warehouse, 10, 15, None, None, None)
    movements(warehouse)
    found = warehouse.rows(
        "SELECT month(period_start_on), opening_mrr, closing_mrr FROM metrics.mrr_movements "
        "ORDER BY ALL"
    )
    assert found == [(1, 0, 10), (2, 10, 15), (3, 15, 0), (4, 0, 0), (5, 0, 0)]


def test_a_plan_swap_on_one_day_is_no_churn(warehouse: Warehouse) -> None:
    for item, amount, since, until in (
        ("old", 10, "2026-01-10", "2026-02-15"),
        ("new", 30, "2026-02-15", None),
    ):
        warehouse.put(
            "subscription_periods",
            {
                "subscription_id": item,
                "customer_id": "c",
                "item_id": item,
                "monthly_amount": amount,
                "valid_from_on": on(since),
                "valid_to_on": on(until) if until else None,
            },
        )
    assert movements(warehouse)[:2] == [(1, "new", 10), (2, "expansion", 20)]


def put_rates(warehouse: Warehouse, *rates: str | None, currency: str = "EUR") -> None:
    for month, rate in zip(MONTHS, rates, strict=False):
        if rate is not None:
            warehouse.put("fx_rates", {"currency": currency, "rate": rate, "valid_on": on(month)})


def test_the_whole_change_of_an_unchanged_amount_is_fx(warehouse: Warehouse) -> None:
    # Each product rounds on its own, so the difference of rates alone would leave a cent over.
    put_rates(warehouse, "1.111", "1.114", "1.118")
    put_life(warehouse, "10.05", "10.05", "10.05", currency="EUR")
    assert movements(warehouse)[:3] == [
        (1, "new", Decimal("11.17")),
        (2, "fx", Decimal("0.03")),
        (3, "fx", Decimal("0.04")),
    ]


def test_fx_is_on_the_opening_and_the_rest_is_expansion(warehouse: Warehouse) -> None:
    put_rates(warehouse, "1.0", "1.1", "0.9")
    put_life(warehouse, 100, 150, 100, currency="EUR")
    assert movements(warehouse)[:5] == [
        (1, "new", 100),
        (2, "expansion", 55),
        (2, "fx", 10),
        (3, "contraction", -45),
        (3, "fx", -30),
    ]


def test_churn_takes_the_whole_opening_and_no_fx(warehouse: Warehouse) -> None:
    put_rates(warehouse, "1.0", "1.1")
    put_life(warehouse, 100, None, 100, currency="EUR")
    assert movements(warehouse)[:3] == [
        (1, "new", 100),
        (2, "churn", -100),
        (3, "reactivation", 110),
    ]


def test_two_currencies_are_one_customer(warehouse: Warehouse) -> None:
    put_rates(warehouse, "1.0", "1.1", "1.1")
    put_life(warehouse, 100, 100, None, currency="EUR")
    put_life(warehouse, 50, 60, 60, currency="USD")
    assert movements(warehouse)[:4] == [
        (1, "new", 150),
        (2, "expansion", 10),
        (2, "fx", 10),
        (3, "contraction", -110),
    ]


def test_d9_what_could_not_be_valued_is_restated_not_won_or_lost(warehouse: Warehouse) -> None:
    put_rates(warehouse, None, None, "2.0")
    put_life(warehouse, 100, 100, 100, 100, currency="EUR")
    assert movements(warehouse)[:4] == [
        (1, "none", 0),
        (2, "none", 0),
        (3, "restatement", 200),
        (4, "none", 0),
    ]


def test_the_published_sums(warehouse: Warehouse) -> None:
    put_life(warehouse, 10, 15, customer="c")
    put_life(warehouse, 10, 4, customer="d")
    put_life(warehouse, None, 7, customer="e")
    movements(warehouse)
    february = on("2026-02-01")
    total = warehouse.values("mrr_movements", columns="value, n")
    assert total[february] == (6, 3)
    shown = {
        name: warehouse.values(
            "mrr_movements", dimensions=f'{{"movement":"{name}"}}', columns="value, n"
        )[february]
        for name in ("new", "expansion", "contraction")
    }
    assert shown == {"new": (7, 1), "expansion": (5, 1), "contraction": (-6, 1)}
