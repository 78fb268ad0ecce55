"""payment_recovery: one failure a bill, recovered in time or not."""

from __future__ import annotations

from typing import Any

import pytest
from metric_warehouse import Warehouse, at, on
from test_mrr_movements import put_life

APRIL = on("2026-04-01")
EVERY = ("mrr", "mrr_movements", "payment_recovery")


def put_bill(
    warehouse: Warehouse, key: str, *attempts: tuple[str, str, Any], **columns: Any
) -> None:
    bill = {"invoice_id": key, "customer_id": "c", "status": "open", "currency": "USD"}
    warehouse.put("invoices", bill | {"total": 100} | columns)
    warehouse.put(
        "payments",
        *(
            {
                "payment_id": f"{key}{place}",
                "customer_id": "c",
                "invoice_id": key,
                "status": status,
                "currency": columns.get("currency", "USD"),
                "amount": amount,
                "occurred_at": at(moment),
            }
            for place, (status, moment, amount) in enumerate(attempts)
        ),
    )


FAILED = ("failed", "2026-04-05 10:00", 100)


@pytest.mark.parametrize(
    ("attempts", "recovered"),
    [
        ([FAILED], 0),
        (
            [FAILED, ("failed", "2026-04-08 10:00", 100), ("succeeded", "2026-04-12 10:00", 100)],
            100,
        ),
        ([FAILED, ("succeeded", "2026-05-05 10:00", 100)], 100),
        ([FAILED, ("succeeded", "2026-05-05 10:01", 100)], 0),
        ([FAILED, ("pending", "2026-04-12 10:00", 100)], 0),
        ([FAILED, ("succeeded", "2026-04-12 10:00", 40)], 40),
        ([FAILED, ("succeeded", "2026-04-12 10:00", 900)], 100),
        ([("succeeded", "2026-04-01 10:00", 60), FAILED], 0),
    ],
)
def test_one_failure_a_bill(warehouse: Warehouse, attempts: Any, recovered: int) -> None:
    put_bill(warehouse, "b", *attempts)
    warehouse.build(*EVERY)
    assert warehouse.values("payment_recovery")[APRIL][:2] == (recovered, 100)
    assert warehouse.values("payment_recovery_count")[APRIL][:2] == (int(recovered >= 100), 1)


def test_a_bill_paid_otherwise_is_recovered(warehouse: Warehouse) -> None:
    put_bill(warehouse, "b", FAILED, paid_at=at("2026-04-20 10:00"))
    put_bill(warehouse, "late", FAILED, paid_at=at("2026-05-20 10:00"))
    warehouse.build(*EVERY)
    assert warehouse.values("payment_recovery")[APRIL][:2] == (100, 200)


def test_what_never_failed_is_no_recovery(warehouse: Warehouse) -> None:
    put_bill(warehouse, "fine", ("succeeded", "2026-04-05 10:00", 100))
    warehouse.build(*EVERY)
    assert warehouse.values("payment_recovery") == {}


def test_what_is_left_out_is_counted(warehouse: Warehouse) -> None:
    put_bill(warehouse, "counts", FAILED)
    put_bill(warehouse, "void", FAILED, voided_at=at("2026-04-20 10:00"))
    put_bill(warehouse, "gone", FAILED, _deleted_at=at("2026-04-20 10:00"))
    put_bill(warehouse, "franc", FAILED, currency="CHF")
    warehouse.put(
        "payments",
        {
            "payment_id": "loose",
            "status": "failed",
            "currency": "USD",
            "amount": 5,
            "occurred_at": at("2026-04-09 10:00"),
        },
    )
    warehouse.build(*EVERY)
    shown = warehouse.values("payment_recovery", columns="denominator, excluded")
    assert shown[APRIL] == (100, '{"deleted":1,"missing_rate":1,"no_invoice":1,"voided":1}')


def test_a_young_failure_is_immature(warehouse: Warehouse) -> None:
    put_bill(warehouse, "b", FAILED)
    put_bill(warehouse, "c", ("failed", "2026-05-05 10:00", 100))
    put_bill(warehouse, "d", ("failed", "2026-07-05 10:00", 100))
    warehouse.build(*EVERY)
    # A bill that fails late on 31 May has until the end of 30 June, which is not over.
    assert warehouse.values("payment_recovery", columns="is_mature") == {
        APRIL: (True,),
        on("2026-05-01"): (False,),
    }


def test_share_of_customers_lost_to_failed_payments(warehouse: Warehouse) -> None:
    for customer, reason in (("a", "voluntary"), ("b", "involuntary"), ("c", None)):
        put_life(warehouse, 10, None, customer=customer)
        warehouse.put(
            "subscriptions",
            {
                "subscription_id": f"s{customer}",
                "customer_id": customer,
                "ended_on": on("2026-02-01"),
                "cancel_reason": reason,
            },
        )
    warehouse.build(*EVERY)
    shown = warehouse.values(
        "payment_recovery_involuntary_churn", columns="numerator, denominator, excluded"
    )
    assert shown[on("2026-02-01")] == (1, 2, '{"unknown_reason":1}')
