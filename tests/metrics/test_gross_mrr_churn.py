"""gross_mrr_churn: what was lost, of what was there."""

from __future__ import annotations

from metric_warehouse import Warehouse, on
from test_mrr_movements import put_life, put_rates

FEBRUARY = on("2026-02-01")


def test_growth_elsewhere_does_not_help(warehouse: Warehouse) -> None:
    put_life(warehouse, 100, None, customer="lost")
    put_life(warehouse, 100, 70, customer="shrunk")
    put_life(warehouse, 200, 900, customer="grown")
    put_life(warehouse, None, 500, customer="new")
    warehouse.build("mrr", "mrr_movements", "gross_mrr_churn")
    assert warehouse.values("gross_mrr_churn")[FEBRUARY][:2] == (130, 400)


def test_rates_of_exchange_are_no_churn(warehouse: Warehouse) -> None:
    put_rates(warehouse, "2.0", "1.0")
    put_life(warehouse, 100, 100, currency="EUR")
    warehouse.build("mrr", "mrr_movements", "gross_mrr_churn")
    assert warehouse.values("gross_mrr_churn")[FEBRUARY] == (0, 200, 0, 1)


def test_own_will_and_failed_payment_apart(warehouse: Warehouse) -> None:
    for customer, reason in (("went", "voluntary"), ("failed", "involuntary"), ("silent", None)):
        put_life(warehouse, 100, None, customer=customer)
        warehouse.put(
            "subscriptions",
            {
                "subscription_id": customer,
                "customer_id": customer,
                "ended_on": FEBRUARY,
                "cancel_reason": reason,
            },
        )
    put_life(warehouse, 100, 60, customer="shrunk")
    warehouse.build("mrr", "mrr_movements", "gross_mrr_churn")
    found = {
        name: warehouse.values(f"gross_mrr_churn{name}", columns="numerator, denominator")[FEBRUARY]
        for name in ("", "_voluntary", "_involuntary")
    }
    assert found == {"": (340, 400), "_voluntary": (140, 400), "_involuntary": (100, 400)}


def test_a_year_compounds(warehouse: Warehouse) -> None:
    put_life(warehouse, 100, 90)
    warehouse.build("mrr", "mrr_movements", "gross_mrr_churn")
    year = warehouse.value("gross_mrr_churn_annual", "2026-02-01")
    assert abs(float(year) - (1 - 0.9**12)) < 1e-7
