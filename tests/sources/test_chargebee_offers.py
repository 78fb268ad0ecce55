"""What Chargebee offers beside the ledger: few records in, exact rows out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from chargebee_warehouse import NAME, Row, Warehouse

from revops_pipelines.resources.sources.chargebee import SOURCE

Offered = Callable[..., list[Row]]
URL = "https://acme.chargebee.com"


def at(day: str, hour: int = 9) -> int:
    return int(datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC).timestamp())


def moment(day: str, hour: int = 9) -> datetime:
    return datetime.fromisoformat(day).replace(hour=hour)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    made = Warehouse(tmp_path_factory.mktemp("landing"), SOURCE.options(site="acme"))
    yield made
    made.connection.close()


@pytest.fixture
def offered(site: Warehouse) -> Offered:
    site.clear()

    def offer(entity: str, **records: list[Any]) -> list[Row]:
        for stream, rows in records.items():
            site.put(stream, rows)
        return site.offered(entity)

    return offer


def test_a_customer_with_custom_fields(offered: Offered) -> None:
    found = offered(
        "customers",
        customers=[
            {
                "id": "c1",
                "company": "Acme",
                "first_name": "Jo",
                "email": " Billing@ACME.example ",
                "billing_address": {"country": "de"},
                "preferred_currency_code": "EUR",
                "created_at": at("2026-01-02"),
                "updated_at": at("2026-03-04"),
                "cf_hubspot_company_id": "8100",
                "cf_tier": "gold",
                "cf_seats/max": 12,
                "cs_newsletter": "true",
            }
        ],
    )
    custom = json.loads(found[0].pop("custom"))
    assert custom["cf_tier"] == "gold"
    assert custom["cf_hubspot_company_id"] == "8100"
    assert set(custom) == {"cf_hubspot_company_id", "cf_seats/max", "cf_tier", "cs_newsletter"}
    assert found == [
        {
            "customer_id": f"{NAME}:c1",
            "name": "Acme",
            "email": "billing@acme.example",
            "domain": "acme.example",
            "country": "DE",
            "currency": "EUR",
            "external_account_id": "8100",
            "created_at": moment("2026-01-02"),
            "url": f"{URL}/d/customers/c1",
            "source": NAME,
            "source_id": "c1",
            "_updated_at": moment("2026-03-04"),
            "_deleted_at": None,
        }
    ]


def test_a_person_with_a_generic_address_that_nobody_touched(offered: Offered) -> None:
    record = {"first_name": "Jo", "last_name": "Doe", "email": "jo@gmail.com"}
    (row,) = offered(
        "customers", customers=[{"id": "c1", "created_at": at("2014-01-02"), **record}]
    )
    assert (row["name"], row["domain"], row["custom"]) == ("Jo Doe", None, None)
    assert row["external_account_id"] is None
    assert row["_updated_at"] == moment("2014-01-02")


def subscription(**other: Any) -> dict[str, Any]:
    return {
        "id": "s1",
        "customer_id": "c1",
        "status": "active",
        "currency_code": "USD",
        "created_at": at("2026-01-10"),
        "started_at": at("2026-01-10"),
        "activated_at": at("2026-01-24"),
        "trial_start": at("2026-01-10"),
        "trial_end": at("2026-01-24"),
        "next_billing_at": at("2026-07-24"),
        "updated_at": at("2026-06-24"),
    } | other


def test_a_subscription(offered: Offered) -> None:
    assert offered("subscriptions", subscriptions=[subscription()]) == [
        {
            "subscription_id": f"{NAME}:s1",
            "customer_id": f"{NAME}:c1",
            "status": "active",
            "currency": "USD",
            "started_on": date(2026, 1, 10),
            "ended_on": None,
            "trial_start_on": date(2026, 1, 10),
            "trial_end_on": date(2026, 1, 24),
            "cancel_requested_at": None,
            "cancel_reason": None,
            "is_auto_renewing": True,
            "url": f"{URL}/d/subscriptions/s1",
            "source": NAME,
            "source_id": "s1",
            "_updated_at": moment("2026-06-24"),
            "_deleted_at": None,
        }
    ]


CANCELLED = {"status": "cancelled", "cancelled_at": at("2026-06-24")}
ASKED = {"cancelled_at": at("2026-07-24"), "cancel_schedule_created_at": at("2026-06-20")}


@pytest.mark.parametrize(
    ("shown", "status", "ended", "reason", "renews"),
    [
        ({"status": "in_trial"}, "trialing", None, None, True),
        ({"status": "future"}, "incomplete", None, None, False),
        ({"status": "paused"}, "paused", None, None, True),
        ({"status": "non_renewing", **ASKED}, "active", None, "voluntary", False),
        (CANCELLED, "canceled", date(2026, 6, 24), "voluntary", False),
        (
            CANCELLED | {"cancel_reason": "not_paid"},
            "canceled",
            date(2026, 6, 24),
            "involuntary",
            False,
        ),
        ({"status": "transferred"}, "canceled", date(2026, 6, 24), None, False),
        ({"remaining_billing_cycles": 0}, "active", None, None, False),
    ],
)
def test_states_of_a_subscription(
    offered: Offered,
    shown: dict[str, Any],
    status: str,
    ended: date | None,
    reason: str | None,
    renews: bool,
) -> None:
    (row,) = offered("subscriptions", subscriptions=[subscription(**shown)])
    told = (row["status"], row["ended_on"], row["cancel_reason"], row["is_auto_renewing"])
    assert told == (status, ended, reason, renews)


def line(identity: str, **other: Any) -> dict[str, Any]:
    return {
        "id": identity,
        "subscription_id": "s1",
        "entity_type": "plan_item_price",
        "entity_id": "team-USD-Monthly",
        "date_from": at("2026-06-10"),
        "date_to": at("2026-07-10"),
        "quantity": 3,
        "amount": 3000,
        "discount_amount": 0,
        "tax_amount": 0,
    } | other


def invoice(**other: Any) -> dict[str, Any]:
    return {
        "id": "INV-1",
        "customer_id": "c1",
        "subscription_id": "s1",
        "recurring": True,
        "status": "paid",
        "currency_code": "USD",
        "date": at("2026-06-10"),
        "due_date": at("2026-06-10"),
        "paid_at": at("2026-06-11"),
        "total": 3213,
        "tax": 513,
        "amount_paid": 3213,
        "amount_due": 0,
        "line_items": [line("li_1")],
        "line_item_discounts": [],
        "updated_at": at("2026-06-12"),
    } | other


@pytest.mark.parametrize(
    ("invoice_status", "status"),
    [("payment_due", "past_due"), ("not_paid", "unpaid"), ("posted", "active"), ("paid", "active")],
)
def test_a_subscription_is_past_due_by_its_invoices(
    offered: Offered, invoice_status: str, status: str
) -> None:
    (row,) = offered(
        "subscriptions",
        subscriptions=[subscription()],
        invoices=[invoice(status=invoice_status)],
    )
    assert row["status"] == status


def test_an_invoice(offered: Offered) -> None:
    assert offered("invoices", invoices=[invoice()]) == [
        {
            "invoice_id": f"{NAME}:INV-1",
            "customer_id": f"{NAME}:c1",
            "subscription_id": f"{NAME}:s1",
            "number": "INV-1",
            "status": "paid",
            "currency": "USD",
            "total": Decimal("32.13"),
            "tax": Decimal("5.13"),
            "amount_paid": Decimal("32.13"),
            "amount_due": Decimal("0.00"),
            "issued_at": moment("2026-06-10"),
            "due_at": moment("2026-06-10"),
            "paid_at": moment("2026-06-11"),
            "voided_at": None,
            "uncollectible_at": None,
            "url": f"{URL}/d/invoices/INV-1",
            "source": NAME,
            "source_id": "INV-1",
            "_updated_at": moment("2026-06-12"),
            "_deleted_at": None,
        }
    ]


WRITTEN_OFF = {
    "write_off_amount": 3213,
    "adjustment_credit_notes": [
        {"cn_id": "WO-1", "cn_reason_code": "write_off", "cn_date": at("2026-08-01")}
    ],
}


@pytest.mark.parametrize(
    ("shown", "status", "gone"),
    [
        ({"status": "pending", "paid_at": None}, "draft", None),
        ({"status": "posted", "paid_at": None}, "open", None),
        ({"status": "payment_due", "paid_at": None}, "open", None),
        ({"status": "not_paid", "paid_at": None}, "open", None),
        ({"status": "voided", "voided_at": at("2026-06-15")}, "void", "voided_at"),
        (WRITTEN_OFF, "uncollectible", "uncollectible_at"),
    ],
)
def test_states_of_an_invoice(
    offered: Offered, shown: dict[str, Any], status: str, gone: str | None
) -> None:
    (row,) = offered("invoices", invoices=[invoice(**shown)])
    assert row["status"] == status
    assert (row["issued_at"] is None) == (status == "draft")
    ends = {"voided_at": moment("2026-06-15"), "uncollectible_at": moment("2026-08-01")}
    for name, when in ends.items():
        assert row[name] == (when if name == gone else None)
    assert status != "uncollectible" or row["paid_at"] is None


def test_lines_of_an_invoice(offered: Offered) -> None:
    part = line("li_2", date_from=at("2026-06-20"), amount=2000, quantity=3)
    extra = {"entity_type": "addon_item_price", "entity_id": "sms"}
    setup = {"entity_type": "charge_item_price", "entity_id": "setup", "subscription_id": None}
    found = offered(
        "invoice_lines",
        item_prices=[
            {
                "id": "team-USD-Monthly",
                "name": "Team monthly",
                "item_id": "team",
                "period": 1,
                "period_unit": "month",
            }
        ],
        items=[{"id": "team", "name": "Team"}],
        invoices=[
            invoice(
                line_items=[
                    line("li_1"),
                    part,
                    line("li_3", **extra),
                    line("li_4", date_to=at("2026-06-10"), **setup),
                ],
                line_item_discounts=[
                    {"line_item_id": "li_1", "coupon_id": "X", "discount_amount": 300},
                    {"line_item_id": "li_1", "coupon_id": "Y", "discount_amount": 50},
                ],
            )
        ],
    )
    assert found[0] == {
        "line_id": f"{NAME}:li_1",
        "invoice_id": f"{NAME}:INV-1",
        "subscription_id": f"{NAME}:s1",
        "item_id": f"{NAME}:s1:plan",
        "product": "Team",
        "quantity": "3",
        "amount": Decimal("30.00"),
        "discount_amount": Decimal("3.50"),
        "currency": "USD",
        "is_proration": False,
        "period_start_on": date(2026, 6, 10),
        "period_end_on": date(2026, 7, 10),
        "source": NAME,
        "source_id": "li_1",
        "_updated_at": moment("2026-06-12"),
        "_deleted_at": None,
    }
    assert [row["is_proration"] for row in found] == [False, True, False, False]
    assert [row["item_id"] for row in found[1:]] == [f"{NAME}:s1:plan", f"{NAME}:s1:sms", None]
    assert [row["product"] for row in found[1:]] == ["Team", "sms", "setup"]


def transaction(identity: str, **other: Any) -> dict[str, Any]:
    return {
        "id": identity,
        "customer_id": "c1",
        "type": "payment",
        "status": "success",
        "currency_code": "JPY",
        "exchange_rate": 0.0067,
        "amount": 4900,
        "date": at("2026-06-10"),
        "updated_at": at("2026-06-10"),
    } | other


def test_payments_and_what_was_given_back(offered: Offered) -> None:
    linked = [{"invoice_id": "INV-1", "applied_amount": 4900}]
    back = {"type": "refund", "refunded_txn_id": "t1"}
    found = offered(
        "payments",
        transactions=[
            transaction("t1", linked_invoices=linked),
            transaction("t2", status="failure", error_code="card_declined"),
            transaction("t3", amount=900, **back),
            transaction("t4", amount=100, **back),
            transaction("t5", amount=100, status="failure", **back),
            transaction("t6", status="in_progress", updated_at=None),
            transaction("t7", status="timeout"),
        ],
    )
    assert found[0] == {
        "payment_id": f"{NAME}:t1",
        "customer_id": f"{NAME}:c1",
        "invoice_id": f"{NAME}:INV-1",
        "status": "succeeded",
        "currency": "JPY",
        "amount": Decimal("4900.00"),
        "refunded_amount": Decimal("1000.00"),
        "failure_code": None,
        "occurred_at": moment("2026-06-10"),
        "source": NAME,
        "source_id": "t1",
        "_updated_at": moment("2026-06-10"),
        "_deleted_at": None,
    }
    assert [(row["source_id"], row["status"], row["failure_code"]) for row in found[1:]] == [
        ("t2", "failed", "card_declined"),
        ("t6", "pending", None),
        ("t7", "failed", None),
    ]
    assert found[2]["_updated_at"] == moment("2026-06-10")


def test_a_credit_note(offered: Offered) -> None:
    note = {
        "id": "CN-1",
        "customer_id": "c1",
        "reference_invoice_id": "INV-1",
        "currency_code": "KWD",
        "type": "refundable",
        "reason_code": "subscription_change",
        "status": "refund_due",
        "total": 1055,
        "date": at("2026-06-20"),
        "updated_at": at("2026-06-21"),
    }
    assert offered("credit_notes", credit_notes=[note]) == [
        {
            "credit_note_id": f"{NAME}:CN-1",
            "customer_id": f"{NAME}:c1",
            "invoice_id": f"{NAME}:INV-1",
            "status": "refund_due",
            "reason": "subscription_change",
            "currency": "KWD",
            "amount": Decimal("1.06"),
            "issued_at": moment("2026-06-20"),
            "source": NAME,
            "source_id": "CN-1",
            "_updated_at": moment("2026-06-21"),
            "_deleted_at": None,
        }
    ]


def test_the_first_document_of_a_month_tells_its_rate(offered: Offered) -> None:
    money = {"currency_code": "EUR"}
    found = offered(
        "fx_rates",
        subscriptions=[subscription(base_currency_code="USD")],
        invoices=[
            invoice(**money, exchange_rate=1.0912, date=at("2026-06-10")),
            invoice(id="INV-2", **money, exchange_rate=1.0899, date=at("2026-06-03")),
            invoice(
                id="INV-3", **money, exchange_rate=1.2, date=at("2026-06-01"), status="pending"
            ),
            invoice(id="INV-4", exchange_rate=1, date=at("2026-06-10")),
        ],
        transactions=[transaction("t1", date=at("2026-05-31", 23))],
    )
    assert found == [
        {
            "currency": "EUR",
            "base_currency": "USD",
            "rate": Decimal("1.0899"),
            "valid_on": date(2026, 6, 1),
            "source": NAME,
            "source_id": "EUR:USD:2026-06-01",
        },
        {
            "currency": "JPY",
            "base_currency": "USD",
            "rate": Decimal("0.0067"),
            "valid_on": date(2026, 5, 1),
            "source": NAME,
            "source_id": "JPY:USD:2026-05-01",
        },
    ]


def test_rates_need_to_know_the_base(offered: Offered) -> None:
    assert offered("fx_rates", invoices=[invoice(currency_code="EUR", exchange_rate=1.09)]) == []
