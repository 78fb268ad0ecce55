"""revenue_predictability: steadiness, the recurring share, and what is covered by terms."""

from __future__ import annotations

from statistics import stdev
from typing import Any

import pytest
from agreements import put_paid, put_term
from metric_warehouse import Warehouse, at, on

MAY = on("2026-05-01")
METRIC = "revenue_predictability"


def months(first: tuple[int, int], count: int) -> list[str]:
    year, month = first
    places = [year * 12 + month - 1 + n for n in range(count)]
    return [f"{place // 12}-{place % 12 + 1:02d}-28" for place in places]


def test_an_even_book_is_fully_predictable(warehouse: Warehouse) -> None:
    put_paid(warehouse, 100, "2025-01-01", None)
    warehouse.build(METRIC)
    assert warehouse.values(METRIC, columns="value, n, is_mature")[MAY] == (1, 12, True)


def test_growth_at_an_even_pace_is_as_predictable(warehouse: Warehouse) -> None:
    """Twice as much each month, always by the end: twice what was told, always."""
    amount = 1
    for day, following in zip(months((2025, 1), 18), months((2025, 2), 18), strict=True):
        put_paid(warehouse, amount, day, following, item_id=day)
        amount *= 2
    warehouse.build(METRIC)
    assert float(warehouse.value(METRIC, "2026-05-01")) == pytest.approx(1, abs=1e-6)


def test_surprises_make_it_less(warehouse: Warehouse) -> None:
    put_paid(warehouse, 100, "2025-01-01", None)
    put_paid(warehouse, 50, "2026-02-10", "2026-03-05", "late")
    warehouse.build(METRIC)
    # 150 of 100 told in February, 100 of 100 in March, where 30 days before it was 100 still.
    reached = [1.0] * 10 + [1.5, 100 / 150]
    mean = sum(reached) / 12
    wanted = 1 - stdev(reached) / mean
    shown = warehouse.value(METRIC, "2026-05-01")
    assert float(shown) == pytest.approx(wanted, abs=1e-6)


def test_less_than_a_year_is_immature(warehouse: Warehouse) -> None:
    put_paid(warehouse, 100, "2026-01-05", None)
    warehouse.build(METRIC)
    shown = warehouse.values(METRIC, columns="n, is_mature, excluded")
    assert shown[MAY] == (4, False, '{"nothing_in_force":1}')


def test_rates_of_exchange_surprise_nobody(warehouse: Warehouse) -> None:
    for place, day in enumerate(months((2025, 1), 18)):
        valued = on(day[:8] + "01")
        warehouse.put("fx_rates", {"currency": "EUR", "rate": 1 + place, "valid_on": valued})
    put_paid(warehouse, 100, "2025-01-01", None, currency="EUR")
    put_paid(warehouse, 100, "2025-01-01", None, "franc", currency="CHF")
    warehouse.build(METRIC)
    assert warehouse.value(METRIC, "2026-05-01") == 1


def bill(
    warehouse: Warehouse, key: str, amount: Any, subscription: str | None, **columns: Any
) -> None:
    row = {"invoice_id": key, "customer_id": "c", "status": "paid", "currency": "USD"}
    row |= {"total": amount, "issued_at": at("2026-05-05 10:00")}
    warehouse.put("invoices", row | columns)
    warehouse.put(
        "invoice_lines",
        {
            "line_id": key,
            "invoice_id": key,
            "subscription_id": subscription,
            "amount": amount,
            "discount_amount": 10,
            "currency": columns.get("currency", "USD"),
            "is_proration": False,
        },
    )


def test_share_of_bills_that_recurs(warehouse: Warehouse) -> None:
    bill(warehouse, "subscribed", 310, "s")
    bill(warehouse, "once", 110, None)
    bill(warehouse, "void", 500, None, status="void", voided_at=at("2026-05-06 10:00"))
    bill(warehouse, "draft", 500, None, status="draft", issued_at=None)
    bill(warehouse, "gone", 500, None, _deleted_at=at("2026-05-06 10:00"))
    bill(warehouse, "franc", 500, None, currency="CHF")
    warehouse.build(METRIC)
    shown = warehouse.values(f"{METRIC}_recurring", columns="numerator, denominator, excluded")
    assert shown == {MAY: (300, 400, '{"deleted":1,"missing_rate":1,"voided":1}')}


@pytest.mark.parametrize(
    ("term", "days"),
    [
        (("2025-07-01", "2026-07-01"), 30),
        (("2025-07-01", "2029-07-01"), 365),
        (("2025-06-01", "2026-06-01"), 0),
        (("2026-06-05", "2027-06-05"), 0),
        (None, 0),
    ],
)
def test_terms_cover_what_lies_ahead(
    warehouse: Warehouse, term: tuple[str, str] | None, days: int
) -> None:
    put_paid(warehouse, 100, "2025-06-01", None)
    if term:
        put_term(warehouse, "1", *term)
    warehouse.build(METRIC)
    shown = warehouse.values(f"{METRIC}_cover", columns="numerator, denominator")
    assert shown[MAY] == (100 * days, 36_500)


def test_a_contract_of_the_company_covers_its_subscriptions(warehouse: Warehouse) -> None:
    warehouse.put("customers", {"customer_id": "c", "account_id": "a"})
    put_paid(warehouse, 100, "2025-06-01", None)
    signed = {"subscription_id": None, "customer_id": None, "account_id": "a"}
    put_term(warehouse, "1", "2025-07-01", "2026-07-01", **signed)
    put_term(warehouse, "over", "2025-07-01", "2029-07-01", **signed, ended_on=on("2026-01-01"))
    warehouse.build(METRIC)
    shown = warehouse.values(f"{METRIC}_cover", columns="numerator, denominator")
    assert shown[MAY] == (3000, 36_500)
