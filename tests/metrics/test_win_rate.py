"""win_rate: what counts as decided, by count and by value, for both cohorts."""

from __future__ import annotations

from typing import Any

from metric_warehouse import Warehouse, at, on

MAY = on("2026-05-01")
DECEMBER = on("2025-12-01")


def put(warehouse: Warehouse, deal: str, outcome: str, **columns: Any) -> None:
    """A deal created in December that closed in May, unless told otherwise."""
    row = {
        "opportunity_id": deal,
        "created_at": at("2025-12-10 10:00"),
        "amount": 100,
        "is_closed": outcome in ("won", "lost"),
        "is_won": outcome == "won",
        "closed_at": at("2026-05-10 10:00") if outcome in ("won", "lost") else None,
    }
    warehouse.put("opportunities", row | columns)


def test_by_count_and_by_value(warehouse: Warehouse) -> None:
    put(warehouse, "a", "won", amount=300)
    put(warehouse, "b", "lost", amount=100)
    put(warehouse, "c", "lost", amount=None)
    put(warehouse, "d", "open")
    warehouse.build("win_rate")
    columns = "numerator, denominator, n, n_excluded"
    assert warehouse.values("win_rate", columns=columns) == {MAY: (1, 3, 3, 0)}
    assert warehouse.values("win_rate_value", columns=columns) == {MAY: (300, 400, 2, 1)}
    assert warehouse.values("win_rate_created", columns=columns) == {DECEMBER: (1, 3, 3, 1)}
    assert warehouse.values("win_rate_created_value", columns=columns) == {
        DECEMBER: (300, 400, 2, 2)
    }


def test_what_is_left_out(warehouse: Warehouse) -> None:
    put(warehouse, "won", "won")
    put(warehouse, "renewal", "won", kind="renewal")
    put(warehouse, "zero", "won", amount=0)
    put(warehouse, "deleted", "lost", _deleted_at=at("2026-06-01 00:00"))
    put(warehouse, "no decision", "lost", lost_reason="No-Decision")
    put(warehouse, "no decision too", "lost", lost_reason="closed_no_decision")
    warehouse.build("win_rate")
    shown = warehouse.values("win_rate", columns="numerator, denominator, excluded")
    assert shown == {
        MAY: (1, 1, '{"deleted":1,"no_decision":2,"renewal":1,"zero_amount":1}'),
    }
    apart = warehouse.values("win_rate_no_decision", columns="numerator, denominator")
    assert apart == {MAY: (2, 3)}


def test_a_reopened_deal_counts_by_how_it_ended_last(warehouse: Warehouse) -> None:
    put(warehouse, "again open", "open")
    put(warehouse, "won at last", "won", closed_at=at("2026-06-02 10:00"))
    warehouse.put(
        "opportunity_stage_history",
        {
            "opportunity_id": "won at last",
            "stage": "lost",
            "is_closed": True,
            "entered_at": at("2026-05-01 00:00"),
            "left_at": at("2026-05-02 00:00"),
        },
    )
    warehouse.build("win_rate")
    assert warehouse.values("win_rate", columns="numerator, denominator") == {
        on("2026-06-01"): (1, 1)
    }


def test_what_closes_after_the_instant_of_knowledge_is_open(warehouse: Warehouse) -> None:
    put(warehouse, "a", "won", closed_at=at("2026-06-30 12:01"))
    warehouse.build("win_rate")
    assert warehouse.values("win_rate") == {}


def test_amounts_are_valued_at_the_month_of_closing(warehouse: Warehouse) -> None:
    warehouse.put(
        "fx_rates",
        {"currency": "EUR", "rate": "1.10", "valid_on": on("2026-04-01")},
        {"currency": "EUR", "rate": "1.20", "valid_on": on("2026-05-01")},
        {"currency": "EUR", "rate": "1.30", "valid_on": on("2026-05-11")},
    )
    put(warehouse, "a", "won", amount=100, currency="EUR")
    put(warehouse, "b", "lost", amount=120, currency="USD")
    put(warehouse, "no rate", "lost", amount=100, currency="CHF")
    put(warehouse, "no currency", "lost", amount=100, currency=None)
    warehouse.build("win_rate")
    shown = warehouse.values("win_rate_value", columns="numerator, denominator, value, excluded")
    assert shown[MAY][:2] == (120, 240)
    assert shown[MAY][3] == '{"missing_rate":1,"no_currency":1}'
    assert warehouse.values("win_rate", columns="denominator") == {MAY: (4,)}


def test_the_created_cohort_matures_with_age(warehouse: Warehouse) -> None:
    put(warehouse, "a", "won", created_at=at("2025-12-10 10:00"))
    put(warehouse, "b", "won", created_at=at("2026-01-10 10:00"))
    warehouse.build("win_rate")
    shown = warehouse.values("win_rate_created", columns="is_mature")
    assert shown == {DECEMBER: (True,), on("2026-01-01"): (False,)}


def test_the_open_month_is_immature(warehouse: Warehouse) -> None:
    put(warehouse, "a", "won", closed_at=at("2026-06-02 10:00"))
    put(warehouse, "b", "won")
    built = warehouse.build("win_rate")
    shown = warehouse.values("win_rate", columns="is_mature")
    assert shown == {MAY: (True,), on("2026-06-01"): (False,)}
    assert built.headline_on == MAY
    assert built.headline == {"value": 1.0, "n": 1.0, "previous": None, "change": None}
