"""The price of bad data: what rows at fault could do to a metric, worked by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from metric_warehouse import METRICS, Warehouse, at

from revops_pipelines.engine.metrics.effects import Effect, write_effects

QUARANTINE = (
    "INSERT INTO ops.quarantine VALUES (?, 'crm', ?, 'cast', 'name', NULL, "
    "TIMESTAMP '2026-06-01', TIMESTAMP '2026-06-01', 'run')"
)


def deal(name: str, **columns: Any) -> dict[str, Any]:
    """A deal won on 6 May after 125 days, of 100 dollars."""
    return {
        "opportunity_id": name,
        "created_at": at("2026-01-01 10:00"),
        "closed_at": at("2026-05-06 10:00"),
        "is_closed": True,
        "is_won": True,
        "amount": 100,
    } | columns


@pytest.fixture
def effects(warehouse: Warehouse) -> Any:
    """Builds a metric and gives its effects by cause."""

    def of(name: str) -> dict[str, Effect]:
        warehouse.build(name)
        found = write_effects(warehouse.connection, [METRICS[name]])
        assert {each.metric for each in found} <= {name}
        return {each.cause: each for each in found}

    return of


def test_sound_data_cost_nothing(warehouse: Warehouse, effects: Any) -> None:
    warehouse.put("opportunities", deal("a"), deal("renewal", kind="renewal"))
    assert effects("win_rate") == {}
    assert warehouse.rows("SELECT * FROM metrics.quality_effects") == []


def test_rows_in_quarantine_may_be_for_or_against(warehouse: Warehouse, effects: Any) -> None:
    """3 of 4 were won; two more of which nobody knows: 3 to 5 of 6."""
    warehouse.put("opportunities", *(deal(name) for name in "abc"), deal("d", is_won=False))
    for entity, record in (
        ("opportunities", "1"),
        ("opportunities", "1"),
        ("opportunities", "2"),
        ("leads", "3"),
    ):
        warehouse.connection.execute(QUARANTINE, [entity, record])
    found = effects("win_rate")["quarantine: opportunities"]
    assert (found.rows, found.value) == (2, Fraction(3, 4))
    assert (found.lower, found.upper) == (Fraction(3, 6), Fraction(5, 6))
    assert warehouse.rows("SELECT rows, lower, upper FROM metrics.quality_effects") == [
        (2, Decimal("0.5"), Decimal("0.83333333"))
    ]


def test_amounts_without_a_rate_are_nothing_or_large(warehouse: Warehouse, effects: Any) -> None:
    """Won 100 + 100 + 400 dollars, and a deal in francs without a rate: its price is unknown."""
    warehouse.put(
        "opportunities",
        *(deal("a"), deal("b"), deal("c", amount=400)),
        deal("d", currency="CHF"),
    )
    found = effects("average_selling_price")["missing_rate"]
    assert (found.rows, found.value) == (1, 200)
    assert (found.lower, found.upper) == (Fraction(700, 4), Fraction(1000, 4))


def test_a_duration_may_be_nothing_or_without_end(warehouse: Warehouse, effects: Any) -> None:
    """Of 10, 20 and 30 days the median is 20; one more is none at all, or never ends."""
    starts = ("2026-04-26 10:00", "2026-04-16 10:00", "2026-04-06 10:00")
    warehouse.put(
        "opportunities",
        *(deal(name, created_at=at(start)) for name, start in zip("abc", starts, strict=True)),
        deal("d", created_at=at("2026-05-30 10:00"), closed_at=at("2026-05-06 10:00")),
    )
    found = effects("sales_cycle")["closed_before_created"]
    assert (found.value, found.lower, found.upper) == (20, 10, 20)
