"""mrr and arr: what is in force on the last day, in which currency, and what never counts."""

from __future__ import annotations

from typing import Any

import pytest
from metric_warehouse import Warehouse, at, on

APRIL, MAY, JUNE = on("2026-04-01"), on("2026-05-01"), on("2026-06-01")


def put(warehouse: Warehouse, amount: Any, since: str, until: str | None, **columns: Any) -> None:
    row = {
        "subscription_id": "s",
        "customer_id": "c",
        "item_id": "i",
        "monthly_amount": amount,
        "valid_from_on": on(since),
        "valid_to_on": on(until) if until else None,
    }
    warehouse.put("subscription_periods", row | columns)


def totals(warehouse: Warehouse, metric: str = "mrr") -> dict[Any, Any]:
    warehouse.build("mrr", "arr")
    return {month: row[0] for month, row in warehouse.values(metric, columns="value").items()}


@pytest.mark.parametrize(
    ("since", "until", "months"),
    [
        ("2026-04-01", "2026-05-01", [APRIL]),
        ("2026-04-30", "2026-05-31", [APRIL]),
        ("2026-04-30", "2026-06-01", [APRIL, MAY]),
        ("2026-05-02", "2026-05-31", []),
        ("2026-05-31", None, [MAY, JUNE]),
        ("2026-06-30", None, [JUNE]),
        ("2026-07-01", None, []),
        ("2026-05-01", "2026-07-15", [MAY, JUNE]),
        ("2026-05-01", "2026-06-30", [MAY]),
    ],
)
def test_in_force_on_the_last_day(
    warehouse: Warehouse, since: str, until: str | None, months: list[Any]
) -> None:
    put(warehouse, 100, since, until)
    assert totals(warehouse) == dict.fromkeys(months, 100)


@pytest.mark.parametrize(
    ("columns", "counts"),
    [
        ({"status": "past_due"}, True),
        ({"status": "trialing", "monthly_amount": 0}, False),
        ({"status": "free", "monthly_amount": 0}, False),
        ({"status": "paused"}, False),
        ({"status": "unpaid"}, False),
        ({"_deleted_at": at("2026-05-30 23:00")}, False),
        ({"_deleted_at": at("2026-06-02 00:00")}, True),
    ],
    ids=str,
)
def test_what_counts(warehouse: Warehouse, columns: dict[str, Any], counts: bool) -> None:
    put(warehouse, 100, "2026-05-20", "2026-06-15", **columns)
    assert totals(warehouse) == ({MAY: 100} if counts else {})


def test_a_deleted_customer_pays_no_more(warehouse: Warehouse) -> None:
    warehouse.put("customers", {"customer_id": "c", "_deleted_at": at("2026-05-10 00:00")})
    put(warehouse, 100, "2026-04-10", None)
    assert totals(warehouse) == {APRIL: 100}


def test_past_due_counts_for_thirty_days(warehouse: Warehouse) -> None:
    put(warehouse, 100, "2026-04-05", None, status="past_due")
    assert totals(warehouse) == {APRIL: 100}


def test_twelve_months_make_a_year(warehouse: Warehouse) -> None:
    put(warehouse, "10.01", "2026-05-01", None)
    assert {month: float(value) for month, value in totals(warehouse, "arr").items()} == {
        MAY: 120.12,
        JUNE: 120.12,
    }


def test_items_of_a_customer_are_valued_together(warehouse: Warehouse) -> None:
    warehouse.put("fx_rates", {"currency": "EUR", "rate": "1.1", "valid_on": APRIL})
    for item in "ij":
        put(warehouse, "0.35", "2026-05-01", None, item_id=item, currency="EUR")
    put(warehouse, "1", "2026-05-01", None, item_id="k")
    # 0.70 x 1.1 = 0.77; item by item it would be 0.39 twice.
    assert {month: float(value) for month, value in totals(warehouse).items()} == {
        MAY: 1.77,
        JUNE: 1.77,
    }
    assert warehouse.values("mrr", columns="n")[MAY] == (1,)


def test_half_a_cent_rounds_up(warehouse: Warehouse) -> None:
    warehouse.put("fx_rates", {"currency": "EUR", "rate": "1.05", "valid_on": MAY})
    put(warehouse, "0.10", "2026-05-01", "2026-06-01", currency="EUR")
    assert float(totals(warehouse)[MAY]) == 0.11


def test_each_month_at_its_own_rate(warehouse: Warehouse) -> None:
    warehouse.put(
        "fx_rates",
        {"currency": "EUR", "rate": "1.1", "valid_on": APRIL},
        {"currency": "EUR", "rate": "1.2", "valid_on": on("2026-05-02")},
        {"currency": "EUR", "rate": "9.9", "valid_on": MAY, "base_currency": "GBP"},
        {"currency": "EUR", "rate": "9.9", "valid_on": MAY, "_deleted_at": at("2026-05-01 00:00")},
    )
    put(warehouse, 100, "2026-04-10", None, currency="EUR")
    assert totals(warehouse) == {APRIL: 110, MAY: 110, JUNE: 120}


def test_a_missing_rate_is_listed_and_never_one(warehouse: Warehouse) -> None:
    warehouse.put("fx_rates", {"currency": "CHF", "rate": "1.5", "valid_on": JUNE})
    put(warehouse, 100, "2026-05-10", None, currency="CHF")
    put(warehouse, 10, "2026-05-10", None, customer_id="d")
    assert totals(warehouse) == {MAY: 10, JUNE: 160}
    shown = warehouse.values("mrr", columns="n, n_excluded, excluded")
    assert shown == {MAY: (1, 1, '{"missing_rate":1}'), JUNE: (2, 0, "{}")}
    errors = warehouse.rows(
        "SELECT period_start_on, customer_id, currency, local_amount FROM metrics.mrr "
        "WHERE amount IS NULL"
    )
    assert [(row[0], row[1], row[2], float(row[3])) for row in errors] == [(MAY, "c", "CHF", 100)]


def test_the_quarter_is_its_last_month(warehouse: Warehouse) -> None:
    put(warehouse, 100, "2026-01-10", "2026-03-10")
    put(warehouse, 10, "2026-03-10", "2026-05-10")
    put(warehouse, 1, "2026-05-10", None)
    totals(warehouse)
    shown = warehouse.values("mrr", grain="quarter", columns="value, is_mature")
    assert shown == {on("2026-01-01"): (10, True), APRIL: (1, False)}


def test_the_running_month_is_valued_now_and_immature(warehouse: Warehouse) -> None:
    put(warehouse, 100, "2026-05-10", None)
    built = warehouse.build("mrr")
    assert warehouse.values("mrr", columns="is_mature") == {MAY: (True,), JUNE: (False,)}
    assert (built.headline_on, built.headline["value"]) == (MAY, 100.0)


def test_breakdowns_take_what_the_crm_knows(warehouse: Warehouse) -> None:
    warehouse.put("users", {"user_id": "u", "name": "U", "team": "north"})
    warehouse.put(
        "accounts",
        {"account_id": "a", "name": "A", "segment": "SMB", "region": "EU", "owner_id": "u"},
    )
    warehouse.put("customers", {"customer_id": "c", "account_id": "a", "region": "US"})
    put(warehouse, 100, "2026-05-10", None)
    totals(warehouse)
    shown = warehouse.rows(
        "SELECT CAST(dimensions AS VARCHAR) FROM metrics.metric_values "
        "WHERE metric = 'mrr' AND grain = 'month' AND period_start_on = DATE '2026-05-01' "
        "ORDER BY 1"
    )
    assert [row[0] for row in shown] == [
        '{"currency":"USD"}',
        '{"industry":"unknown"}',
        '{"owner":"u"}',
        '{"region":"US"}',
        '{"segment":"SMB"}',
        '{"team":"north"}',
        "{}",
    ]
