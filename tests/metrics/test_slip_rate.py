"""slip_rate: what was due, what was put off, and what only looks like it."""

from __future__ import annotations

from typing import Any

from deal_days import put_deal
from metric_warehouse import Warehouse, at, on

MAY = on("2026-05-01")


def shown(
    warehouse: Warehouse, metric: str = "slip_rate", columns: str = "numerator, denominator"
) -> Any:
    warehouse.build("slip_rate")
    return warehouse.values(metric, columns=columns).get(MAY)


def test_pushed_out_by_count_and_value(warehouse: Warehouse) -> None:
    put_deal(warehouse, "pushed", "04-10 amount 500 due 05-20", "05-18 due 07-01 amount 600")
    put_deal(warehouse, "without a date", "04-10 amount 100 due 05-20", "05-18 due none")
    put_deal(warehouse, "won", "04-10 amount 400 due 05-20", "05-20 won")
    put_deal(warehouse, "later in may", "04-10 amount 50 due 05-02", "05-02 due 05-29")
    assert shown(warehouse) == (2, 4)
    assert shown(warehouse, "slip_rate_value") == (600, 1050)
    assert shown(warehouse, "slip_rate_overdue") == (1, 4)


def test_pushed_on_the_first_day_is_a_slip(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a", "04-10 due 05-20", "05-01 due 06-20")
    put_deal(warehouse, "pushed before", "04-10 due 05-20", "04-30 due 06-20")
    assert shown(warehouse) == (1, 1)


def test_pulled_in_created_and_reopened_within_the_period_were_not_due(
    warehouse: Warehouse,
) -> None:
    put_deal(warehouse, "pulled in", "04-10 due 06-20", "05-02 due 05-20", "05-20 due 06-20")
    put_deal(warehouse, "created", "05-02 due 05-20", "05-20 due 06-20")
    put_deal(warehouse, "reopened", "04-01 due 05-20", "04-20 lost", "05-03 due 06-20")
    put_deal(warehouse, "due", "04-10 due 05-20", "05-20 lost")
    assert shown(warehouse) == (0, 1)


def test_deleted_and_renewals_are_left_out(warehouse: Warehouse) -> None:
    put_deal(warehouse, "gone", "04-10 due 05-20", _deleted_at=at("2026-05-15 10:00"))
    put_deal(warehouse, "gone later", "04-10 due 05-20", _deleted_at=at("2026-06-15 10:00"))
    put_deal(warehouse, "renewal", "04-10 due 05-20", kind="renewal")
    put_deal(warehouse, "nothing", "04-10 due 05-20 amount 0")
    found = shown(warehouse, columns="denominator, excluded")
    assert found == (1, '{"deleted":1,"renewal":1,"zero_amount":1}')


def test_no_history_is_told_and_never_guessed(warehouse: Warehouse) -> None:
    put_deal(warehouse, "known", "04-10 due 05-20")
    put_deal(warehouse, "begins late", "05-05 due 05-20", created_at=at("2026-03-01 09:00"))
    row = {"created_at": at("2026-03-01 09:00"), "close_on": on("2026-05-20"), "amount": 9}
    closed = {"is_closed": True, "is_won": True, "closed_at": at("2026-05-20 09:00")}
    long_ago = closed | {"closed_at": at("2026-04-20 09:00")}
    warehouse.put("opportunities", row | {"opportunity_id": "without"})
    warehouse.put("opportunities", row | closed | {"opportunity_id": "closed without"})
    warehouse.put("opportunities", row | long_ago | {"opportunity_id": "closed before"})
    assert shown(warehouse, columns="denominator, excluded") == (1, '{"no_history":3}')


def test_a_snapshot_dated_the_day_after_creation_has_no_gap(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a", "05-01 due 05-20", created_at=at("2026-04-30 23:30"))
    put_deal(warehouse, "b", "04-01 due 05-20")
    assert shown(warehouse, columns="denominator, n_excluded") == (1, 0)


def test_repeat_slips_count_periods_of_the_same_length(warehouse: Warehouse) -> None:
    put_deal(
        warehouse,
        "again",
        "02-10 due 03-20",
        "03-15 due 04-10",
        "04-05 due 05-10",
        "05-05 due 06-01",
    )
    put_deal(warehouse, "once", "04-10 due 05-10", "05-05 due 06-01")
    assert shown(warehouse, "slip_rate_repeat") == (1, 2)
    quarter = warehouse.values("slip_rate_repeat", "quarter", columns="numerator, denominator")
    assert quarter == {on("2026-04-01"): (0, 1)}
    slips = warehouse.rows(
        "SELECT CAST(period_start_on AS VARCHAR), outcome, slips FROM metrics.slip_rate "
        "WHERE grain = 'month' AND opportunity_id = 'again' ORDER BY 1"
    )
    assert slips == [
        ("2026-03-01", "slipped", 1),
        ("2026-04-01", "slipped", 2),
        ("2026-05-01", "slipped", 3),
        ("2026-06-01", "overdue", 3),
    ]


def test_the_running_period_is_immature_and_future_days_unknown(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a", "05-10 due 06-20", "07-01 due 08-20")
    put_deal(warehouse, "b", "05-10 due 06-30")
    warehouse.build("slip_rate")
    found = warehouse.values("slip_rate", columns="numerator, denominator, is_mature")
    assert found == {on("2026-06-01"): (0, 2, False)}
    outcomes = warehouse.rows(
        "SELECT opportunity_id, outcome FROM metrics.slip_rate WHERE grain = 'month' ORDER BY 1"
    )
    assert outcomes == [("a", "overdue"), ("b", "overdue")]


def test_value_needs_amount_currency_and_rate(warehouse: Warehouse) -> None:
    warehouse.put(
        "fx_rates",
        {"currency": "EUR", "rate": "1.10", "valid_on": on("2026-05-01")},
        {"currency": "EUR", "rate": "1.90", "valid_on": on("2026-05-02")},
    )
    put_deal(warehouse, "eur", "04-10 due 05-20 amount 100 currency EUR", "05-20 due 06-20")
    put_deal(warehouse, "chf", "04-10 due 05-20 amount 100 currency CHF")
    put_deal(warehouse, "of none", "04-10 due 05-20 amount 100 currency none")
    put_deal(warehouse, "unpriced", "04-10 due 05-20 amount none")
    found = shown(warehouse, "slip_rate_value", "numerator, denominator, excluded")
    assert found == (110, 110, '{"missing_rate":1,"no_amount":1,"no_currency":1}')
    assert shown(warehouse) == (1, 4)
