"""bookings: what was signed, by kind; never what was billed."""

from __future__ import annotations

from metric_warehouse import Warehouse, at, on

MAY = on("2026-05-01")


def put_deal(warehouse: Warehouse, key: str, **columns: object) -> None:
    won = {"opportunity_id": key, "created_at": at("2026-01-05 10:00"), "amount": 100}
    won |= {"closed_at": at("2026-05-10 10:00"), "is_closed": True, "is_won": True}
    warehouse.put("opportunities", won | columns)


def test_renewals_are_signed_too_and_kept_apart(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a")
    put_deal(warehouse, "b", kind="expansion", amount=30)
    put_deal(warehouse, "c", kind="renewal", amount=500)
    put_deal(warehouse, "d", kind="other", amount=7)
    warehouse.build("bookings")
    assert warehouse.values("bookings", columns="value, n")[MAY] == (637, 4)
    assert warehouse.value("bookings", "2026-05-01", dimensions='{"kind":"renewal"}') == 500
    new = warehouse.values("bookings_new_business", columns="value, excluded")
    assert new[MAY] == (130, '{"other":1,"renewal":1}')


def test_lost_open_reopened_and_later_deals_are_not_signed(warehouse: Warehouse) -> None:
    put_deal(warehouse, "won")
    put_deal(warehouse, "lost", is_won=False)
    put_deal(warehouse, "reopened", is_closed=False)
    put_deal(warehouse, "tomorrow", closed_at=at("2026-07-01 10:00"))
    warehouse.build("bookings")
    assert warehouse.values("bookings", columns="value, n") == {MAY: (100, 1)}


def test_what_is_left_out_is_counted(warehouse: Warehouse) -> None:
    put_deal(warehouse, "won")
    put_deal(warehouse, "zero", amount=0)
    put_deal(warehouse, "blank", amount=None)
    put_deal(warehouse, "franc", currency="CHF")
    put_deal(warehouse, "gone", _deleted_at=at("2026-05-20 10:00"))
    warehouse.build("bookings")
    assert warehouse.values("bookings", columns="value, excluded")[MAY] == (
        100,
        '{"deleted":1,"missing_rate":1,"no_amount":1,"zero_amount":1}',
    )


def test_bills_are_no_bookings(warehouse: Warehouse) -> None:
    warehouse.put(
        "invoices",
        {
            "invoice_id": "i",
            "customer_id": "c",
            "status": "paid",
            "currency": "USD",
            "total": 900,
            "issued_at": at("2026-05-02 10:00"),
        },
    )
    put_deal(warehouse, "won")
    warehouse.build("bookings")
    assert warehouse.value("bookings", "2026-05-01") == 100
