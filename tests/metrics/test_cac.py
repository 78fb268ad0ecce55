"""cac: which costs, counted once, set against whose winning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metric_warehouse import Warehouse, at, on

from revops_pipelines.settings import Settings
from revops_pipelines.settings_tables import Economics

MAY = on("2026-05-01")


def spend(warehouse: Warehouse, name: str, amount: Any, **columns: Any) -> None:
    """An expense of sales in April, unless told otherwise."""
    row = {
        "expense_id": name,
        "department": "sales",
        "kind": "salaries",
        "spent_on": on("2026-04-01"),
        "amount": amount,
        "currency": "USD",
    }
    warehouse.put("expenses", row | columns)


def advertise(warehouse: Warehouse, name: str, amount: Any, **columns: Any) -> None:
    """Media of April, as a marketing system says."""
    row = {
        "spend_id": name,
        "channel": "paid_search",
        "spent_on": on("2026-04-12"),
        "amount": amount,
        "currency": "USD",
    }
    warehouse.put("marketing_spend", row | columns)


def win(warehouse: Warehouse, customer: str, since: str = "2026-05-10", until: Any = None) -> None:
    """A customer who pays 100 a month."""
    warehouse.put("customers", {"customer_id": customer})
    pay(warehouse, customer, since, until)


def pay(warehouse: Warehouse, customer: str, since: str, until: Any = None) -> None:
    warehouse.put(
        "subscription_periods",
        {
            "subscription_id": f"{customer} {since}",
            "customer_id": customer,
            "item_id": "i",
            "monthly_amount": 100,
            "valid_from_on": on(since),
            "valid_to_on": until and on(until),
        },
    )


def build(warehouse: Warehouse) -> None:
    warehouse.build("mrr", "mrr_movements", "cac")


COLUMNS = "numerator, denominator, value, n, excluded"


def test_the_cost_of_the_month_before_is_set_against_the_new_customers(
    warehouse: Warehouse,
) -> None:
    spend(warehouse, "april", 900)
    spend(warehouse, "may", 5000, spent_on=on("2026-05-31"))
    win(warehouse, "a")
    win(warehouse, "b", "2026-05-31")
    build(warehouse)
    assert warehouse.values("cac", columns=COLUMNS) == {MAY: (900, 2, 450, 2, "{}")}


def test_the_lag_is_a_setting() -> None:
    settings = Settings(home=Path("unused"), economics=Economics(cac_lag_months=0))
    warehouse = Warehouse(settings)
    spend(warehouse, "april", 900)
    spend(warehouse, "may", 5000, spent_on=on("2026-05-31"))
    win(warehouse, "a")
    build(warehouse)
    shown = warehouse.values("cac", columns="numerator, denominator")
    assert shown == {on("2026-04-01"): (900, 0), MAY: (5000, 1)}


def test_media_counts_once_and_the_books_win(warehouse: Warehouse) -> None:
    spend(warehouse, "salary", 900)
    spend(warehouse, "booked media", 100, department="marketing", kind="Media")
    advertise(warehouse, "the same, as the vendor says", 103)
    advertise(warehouse, "not in the books yet", 50, spent_on=on("2026-03-31"))
    spend(warehouse, "march", 1, spent_on=on("2026-03-01"))
    win(warehouse, "a")
    build(warehouse)
    assert warehouse.values("cac", columns="numerator, excluded") == {
        on("2026-04-01"): (51, "{}"),
        MAY: (1000, '{"in_the_books":1}'),
    }
    assert warehouse.value("cac_paid", "2026-05-01") == 100


def test_a_deleted_booking_of_media_lets_the_vendor_speak(warehouse: Warehouse) -> None:
    spend(warehouse, "salary", 900)
    spend(warehouse, "gone", 100, kind="media", _deleted_at=at("2026-05-01 00:00"))
    advertise(warehouse, "the vendor", 103)
    win(warehouse, "a")
    build(warehouse)
    shown = warehouse.values("cac", columns="numerator, excluded")
    assert shown == {MAY: (1003, '{"deleted":1}')}


def test_media_alone_is_no_fully_loaded_cost(warehouse: Warehouse) -> None:
    advertise(warehouse, "media", 300)
    win(warehouse, "a")
    build(warehouse)
    assert warehouse.values("cac", columns=COLUMNS) == {MAY: (None, 1, None, 1, '{"no_books":1}')}
    assert warehouse.value("cac_paid", "2026-05-01") == 300


def test_serving_and_success_are_no_cost_of_winning(warehouse: Warehouse) -> None:
    spend(warehouse, "sales", 900)
    spend(warehouse, "success", 50, department="success")
    spend(warehouse, "serving", 50, department="serving")
    win(warehouse, "a")
    build(warehouse)
    assert warehouse.value("cac", "2026-05-01") == 900


def test_who_comes_back_is_not_won_again(warehouse: Warehouse) -> None:
    spend(warehouse, "april", 900)
    win(warehouse, "returns", "2025-01-01", "2025-06-01")
    pay(warehouse, "returns", "2026-05-02")
    win(warehouse, "new")
    build(warehouse)
    assert warehouse.values("cac", columns="denominator")[MAY] == (1,)


def test_a_month_without_new_customers_has_no_value(warehouse: Warehouse) -> None:
    spend(warehouse, "april", 900)
    build(warehouse)
    assert warehouse.values("cac", columns=COLUMNS) == {MAY: (900, 0, None, 0, "{}")}


def test_costs_without_a_rate_are_left_out_and_said(warehouse: Warehouse) -> None:
    warehouse.put("fx_rates", {"currency": "EUR", "rate": "1.10", "valid_on": on("2026-04-01")})
    warehouse.put("fx_rates", {"currency": "EUR", "rate": "1.90", "valid_on": on("2026-04-02")})
    spend(warehouse, "euros", 100, currency="EUR")
    spend(warehouse, "francs", 100, currency="CHF")
    win(warehouse, "a")
    build(warehouse)
    shown = warehouse.values("cac", columns="value, excluded")
    assert shown == {MAY: (110, '{"missing_rate":1}')}


def test_parts_of_the_cost_add_up_over_the_same_customers(warehouse: Warehouse) -> None:
    spend(warehouse, "sales", 900)
    spend(warehouse, "marketing", 300, department="marketing", kind="Tools")
    advertise(warehouse, "media", 100)
    win(warehouse, "a")
    win(warehouse, "b")
    build(warehouse)
    by = {
        name: warehouse.value("cac", "2026-05-01", dimensions=f'{{"{name}"}}'.replace("=", '":"'))
        for name in ("department=marketing", "department=sales", "kind=media", "kind=tools")
    }
    assert by == {
        "department=marketing": 200,
        "department=sales": 450,
        "kind=media": 50,
        "kind=tools": 150,
    }
    paid = warehouse.value("cac_paid", "2026-05-01", dimensions='{"channel":"paid_search"}')
    assert paid == 50


def test_the_running_month_and_later_bookings_are_not_shown(warehouse: Warehouse) -> None:
    spend(warehouse, "may", 900, spent_on=on("2026-05-01"))
    spend(warehouse, "planned", 900, spent_on=on("2026-07-01"))
    win(warehouse, "a", "2026-06-03")
    build(warehouse)
    assert warehouse.values("cac") == {}
    assert warehouse.rows("SELECT cost_id FROM metrics.cac") == [("may",)]


def test_quarters_are_made_of_sums(warehouse: Warehouse) -> None:
    spend(warehouse, "december", 100, spent_on=on("2025-12-01"))
    spend(warehouse, "february", 500, spent_on=on("2026-02-01"))
    win(warehouse, "a", "2026-01-10")
    win(warehouse, "b", "2026-01-11")
    win(warehouse, "c", "2026-03-11")
    build(warehouse)
    assert warehouse.value("cac", "2026-01-01", grain="quarter") == 200
    assert warehouse.values("cac", columns="is_mature", grain="quarter") == {
        on("2026-01-01"): (True,)
    }
