"""average_selling_price: mean and median of what was won."""

from __future__ import annotations

from typing import Any

from metric_warehouse import Warehouse, at, on

MAY = on("2026-05-01")


def put(warehouse: Warehouse, deal: str, amount: Any, **columns: Any) -> None:
    row = {
        "opportunity_id": deal,
        "created_at": at("2026-04-01 00:00"),
        "amount": amount,
        "is_closed": True,
        "is_won": True,
        "closed_at": at("2026-05-10 00:00"),
    }
    warehouse.put("opportunities", row | columns)


def test_mean_and_median(warehouse: Warehouse) -> None:
    put(warehouse, "a", "100.10")
    put(warehouse, "b", "200.20")
    put(warehouse, "c", "1000")
    put(warehouse, "lost", "5", is_won=False)
    warehouse.build("average_selling_price")
    shown = warehouse.values("average_selling_price", columns="numerator, denominator, value")
    assert tuple(map(float, shown[MAY])) == (1300.3, 3, 433.43333333)
    assert float(warehouse.value("average_selling_price_median", "2026-05-01")) == 200.2


def test_what_has_no_price(warehouse: Warehouse) -> None:
    put(warehouse, "a", "100")
    put(warehouse, "none", None)
    put(warehouse, "zero", 0)
    put(warehouse, "renewal", 100, kind="renewal")
    put(warehouse, "yen", 100, currency="JPY")
    warehouse.build("average_selling_price")
    shown = warehouse.values("average_selling_price", columns="value, excluded")
    assert shown == {MAY: (100, '{"missing_rate":1,"no_amount":1,"renewal":1,"zero_amount":1}')}


def test_by_currency_in_the_base_currency(warehouse: Warehouse) -> None:
    warehouse.put("fx_rates", {"currency": "JPY", "rate": "0.0065", "valid_on": on("2026-05-01")})
    put(warehouse, "a", "100")
    put(warehouse, "yen", 20001, currency="JPY")
    warehouse.build("average_selling_price")
    value = warehouse.value("average_selling_price", "2026-05-01", dimensions='{"currency":"JPY"}')
    assert float(value) == 130.01
