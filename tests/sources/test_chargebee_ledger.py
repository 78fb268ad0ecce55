"""The ledger from Chargebee's documents and events: few records in, exact periods out.

Records have Chargebee's shapes with the fields that matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count, pairwise
from typing import Any

import pytest
from chargebee_warehouse import Warehouse, local

from revops_pipelines.resources.sources.chargebee import SOURCE

Period = tuple[str, str, Decimal, str, str | None]
Ledger = Callable[..., list[Period]]
TEN = Decimal("10.00")
NUMBERS = count(1)
MONTHLY, QUARTERLY, YEARLY, WEEKLY, DAILY = (
    ("month", 1),
    ("month", 3),
    ("year", 1),
    ("week", 1),
    ("day", 1),
)


def at(day: str, hour: int = 9, minute: int = 0) -> int:
    moment = datetime.fromisoformat(day).replace(hour=hour, minute=minute, tzinfo=UTC)
    return int(moment.timestamp())


def price(
    key: str = "team", cents: int = 1000, every: tuple[str, int] = MONTHLY, **other: Any
) -> dict[str, Any]:
    return {
        "id": key,
        "name": f"Price {key}",
        "item_id": f"item-{key}",
        "item_type": "plan",
        "pricing_model": "per_unit",
        "price": cents,
        "currency_code": "USD",
        "period_unit": every[0],
        "period": every[1],
        "updated_at": at("2025-01-01"),
    } | other


def item(key: str = "team", quantity: int = 1, kind: str = "plan", **other: Any) -> dict[str, Any]:
    return {"item_price_id": key, "item_type": kind, "quantity": quantity} | other


def subscription(*items: dict[str, Any], key: str = "s1", **other: Any) -> dict[str, Any]:
    return {
        "id": key,
        "customer_id": "c1",
        "status": "active",
        "currency_code": "USD",
        "created_at": at("2026-01-10"),
        "started_at": at("2026-01-10"),
        "current_term_start": at("2026-06-10"),
        "current_term_end": at("2026-07-10"),
        "updated_at": at("2026-06-10"),
        "subscription_items": list(items),
    } | other


def line(
    amount: int,
    start: int,
    end: int,
    key: str = "team",
    quantity: int = 1,
    kind: str = "plan",
    **other: Any,
) -> dict[str, Any]:
    return {
        "id": f"li_{next(NUMBERS)}",
        "subscription_id": "s1",
        "entity_type": f"{kind}_item_price",
        "entity_id": key,
        "date_from": start,
        "date_to": end,
        "amount": amount,
        "quantity": quantity,
        "unit_amount": amount // quantity,
        "discount_amount": 0,
        "tax_amount": 0,
    } | other


def invoice(date: int, *lines: dict[str, Any], **other: Any) -> dict[str, Any]:
    total = sum(each["amount"] for each in lines)
    return {
        "id": f"in_{next(NUMBERS)}",
        "customer_id": "c1",
        "subscription_id": "s1",
        "recurring": True,
        "status": "paid",
        "currency_code": "USD",
        "price_type": "tax_exclusive",
        "date": date,
        "due_date": date,
        "paid_at": date,
        "total": total,
        "credits_applied": 0,
        "line_items": list(lines),
        "line_item_discounts": [],
        "updated_at": date,
    } | other


def bills(amount: int, *days: str, **other: Any) -> list[dict[str, Any]]:
    """A paid invoice for each stretch between two days."""
    return [
        invoice(at(start), line(amount, at(start), at(end), **other))
        for start, end in pairwise(days)
    ]


def months(amount: int, first: int, last: int, **other: Any) -> list[dict[str, Any]]:
    """Paid monthly invoices of 2026 from the tenth of a month to that of another."""
    return bills(amount, *(f"2026-{month:02d}-10" for month in range(first, last + 1)), **other)


def credit(date: int, *lines: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {
        "id": f"cn_{next(NUMBERS)}",
        "customer_id": "c1",
        "subscription_id": "s1",
        "type": "refundable",
        "reason_code": "subscription_change",
        "status": "refunded",
        "date": date,
        "line_items": list(lines),
        "updated_at": date,
    } | other


def event(when: int, kind: str, shown: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"ev_{next(NUMBERS)}",
        "event_type": kind,
        "occurred_at": when,
        "content": {"subscription": shown},
    }


@pytest.fixture(scope="module")
def warehouses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Warehouse]]:
    made: dict[Any, Warehouse] = {}

    def warehouse(**options: Any) -> Warehouse:
        key = tuple(sorted(options.items()))
        if key not in made:
            made[key] = Warehouse(tmp_path_factory.mktemp("landing"), SOURCE.options(**options))
        made[key].clear()
        return made[key]

    yield warehouse
    for each in made.values():
        each.connection.close()


@pytest.fixture
def ledger(warehouses: Callable[..., Warehouse]) -> Ledger:
    """(slot, status, monthly amount, from, to) of every period, in order."""

    def periods(options: dict[str, Any] | None = None, **records: list[Any]) -> list[Period]:
        warehouse = warehouses(**(options or {}))
        for stream, rows in records.items():
            warehouse.put(stream, rows)
        return sorted(
            (
                local(row["item_id"]).partition(":")[2],
                row["status"],
                row["monthly_amount"],
                row["valid_from_on"].isoformat(),
                row["valid_to_on"].isoformat() if row["valid_to_on"] else None,
            )
            for row in warehouse.offered("subscription_periods")
        )

    return periods


def test_months_of_one_price_are_one_open_period(ledger: Ledger) -> None:
    found = ledger(
        subscriptions=[subscription(item())],
        item_prices=[price()],
        invoices=months(1000, 1, 7),
    )
    assert found == [("plan", "active", TEN, "2026-01-10", None)]


@pytest.mark.parametrize(
    ("every", "cents", "quantity", "monthly", "end"),
    [
        (MONTHLY, 1050, 3, "31.50", "2026-07-01"),
        (QUARTERLY, 10000, 1, "33.33", "2026-09-01"),
        (YEARLY, 10000, 1, "8.33", "2027-06-01"),
        (YEARLY, 10002, 1, "8.34", "2027-06-01"),  # 8.335 rounds up
        (WEEKLY, 1000, 1, "43.33", "2026-06-08"),
        (("week", 2), 1000, 1, "21.67", "2026-06-15"),
        (DAILY, 100, 1, "30.42", "2026-06-02"),
    ],
)
def test_intervals_become_months(
    ledger: Ledger, every: tuple[str, int], cents: int, quantity: int, monthly: str, end: str
) -> None:
    found = ledger(
        subscriptions=[subscription(item(quantity=quantity))],
        item_prices=[price(cents=cents, every=every)],
        invoices=bills(cents * quantity, "2026-06-01", end, quantity=quantity),
    )
    assert found == [("plan", "active", Decimal(monthly), "2026-06-01", None)]


@pytest.mark.parametrize(
    ("currency", "amount", "monthly"),
    [("JPY", 4900, "4900.00"), ("KRW", 1, "1.00"), ("KWD", 1055, "1.06"), ("ISK", 49, "49.00")],
)
def test_d10_currencies_without_cents_and_with_mils(
    ledger: Ledger, currency: str, amount: int, monthly: str
) -> None:
    money = {"currency_code": currency}
    found = ledger(
        subscriptions=[subscription(item(), **money)],
        item_prices=[price(cents=amount, **money)],
        invoices=[each | money for each in months(amount, 6, 7)],
    )
    assert found[0][2] == Decimal(monthly)


def test_an_upgrade_in_mid_month_counts_at_its_full_price(ledger: Ledger) -> None:
    change, end = at("2026-02-20"), at("2026-03-10")
    found = ledger(
        subscriptions=[subscription(item("pro"))],
        item_prices=[price(), price("pro", 3000)],
        invoices=[
            *months(1000, 1, 3),
            invoice(change, line(1929, change, end, "pro")),
            *months(3000, 3, 7, key="pro"),
        ],
        credit_notes=[credit(change, line(643, change, end))],
    )
    assert found == [
        ("plan", "active", TEN, "2026-01-10", "2026-02-20"),
        ("plan", "active", Decimal("30.00"), "2026-02-20", None),
    ]


def test_a_price_of_ones_own_counts_for_prorations_too(ledger: Ledger) -> None:
    """The list says 10.00; this customer pays 8.00 a seat."""
    change, end = at("2026-06-20"), at("2026-07-10")
    found = ledger(
        subscriptions=[subscription(item(quantity=3, unit_price=800))],
        item_prices=[price()],
        invoices=[
            *months(1600, 6, 7, quantity=2),
            invoice(change, line(1600, change, end, quantity=3)),
        ],
    )
    assert found == [
        ("plan", "active", Decimal("16.00"), "2026-06-10", "2026-06-20"),
        ("plan", "active", Decimal("24.00"), "2026-06-20", None),
    ]


def test_a_proration_counts_at_the_price_of_its_time(ledger: Ledger) -> None:
    """8.00 a seat until May, 10.00 since; the list says 12.00."""
    change, end = at("2026-02-20"), at("2026-03-10")
    found = ledger(
        subscriptions=[subscription(item(quantity=2, unit_price=1000))],
        item_prices=[price(cents=1200)],
        invoices=[
            *months(800, 1, 3),
            invoice(change, line(1029, change, end, quantity=2)),
            *months(1600, 3, 5, quantity=2),
            *months(2000, 5, 7, quantity=2),
        ],
    )
    assert found == [
        ("plan", "active", Decimal("8.00"), "2026-01-10", "2026-02-20"),
        ("plan", "active", Decimal("16.00"), "2026-02-20", "2026-05-10"),
        ("plan", "active", Decimal("20.00"), "2026-05-10", None),
    ]


def test_tiers_are_worth_what_was_billed_or_what_the_subscription_says(ledger: Ledger) -> None:
    """A tiered price has no unit to compute with."""
    change = at("2026-06-20")
    more = subscription(item(quantity=20, amount=15_000), updated_at=change)
    found = ledger(
        subscriptions=[more],
        item_prices=[price(pricing_model="tiered", cents=0)],
        invoices=months(9000, 6, 7, quantity=10),
        events=[event(change, "subscription_changed", more)],
    )
    assert found == [
        ("plan", "active", Decimal("90.00"), "2026-06-10", "2026-06-20"),
        ("plan", "active", Decimal("150.00"), "2026-06-20", None),
    ]


def test_lines_that_hold_a_difference_only_are_left_to_the_event(ledger: Ledger) -> None:
    change, end = at("2026-06-20"), at("2026-07-10")
    more = subscription(item(quantity=5), updated_at=change)
    found = ledger(
        subscriptions=[more],
        item_prices=[price()],
        invoices=[
            *months(3000, 6, 7, quantity=3),
            invoice(change, line(1333, change, end, quantity=2, proration_mode="delta")),
        ],
        events=[event(change, "subscription_changed", more)],
    )
    assert found == [
        ("plan", "active", Decimal("30.00"), "2026-06-10", "2026-06-20"),
        ("plan", "active", Decimal("50.00"), "2026-06-20", None),
    ]


def discounted(bill: dict[str, Any], off: int, coupon: str) -> dict[str, Any]:
    (only,) = bill["line_items"]
    told = {"line_item_id": only["id"], "coupon_id": coupon, "discount_amount": off}
    return bill | {"line_item_discounts": [told]}


@pytest.mark.parametrize(
    ("coupon", "off", "later"),
    [
        # 3 x 33.33 = 99.99 less 12.5 % (12.49875, rounded to 12.50)
        ({"discount_type": "percentage", "discount_percentage": 12.5}, 417, "87.49"),
        ({"discount_type": "fixed_amount", "discount_amount": 500}, 500, "94.99"),
    ],
)
def test_coupons_count_as_billed_and_by_their_terms_in_prorations(
    ledger: Ledger, coupon: dict[str, Any], off: int, later: str
) -> None:
    change, end = at("2026-06-20"), at("2026-07-10")
    (first,) = months(3333, 6, 7)
    prorated = invoice(change, line(6666, change, end, quantity=3))
    found = ledger(
        subscriptions=[subscription(item(quantity=3), coupons=[{"coupon_id": "LOYAL"}])],
        item_prices=[price(cents=3333)],
        coupons=[{"id": "LOYAL", "duration_type": "forever"} | coupon],
        invoices=[discounted(first, off, "LOYAL"), discounted(prorated, 300, "LOYAL")],
    )
    full = (Decimal(3333 - off) / 100).quantize(Decimal("0.01"))
    assert found == [
        ("plan", "active", full, "2026-06-10", "2026-06-20"),
        ("plan", "active", Decimal(later), "2026-06-20", None),
    ]


def test_a_coupon_for_once_counts_for_the_bill_that_it_was_on(ledger: Ledger) -> None:
    first, *rest = months(1000, 4, 7)
    found = ledger(
        subscriptions=[subscription(item())],
        item_prices=[price()],
        invoices=[discounted(first, 1000, "ONCE"), *rest],
    )
    assert found == [
        ("plan", "active", TEN, "2026-05-10", None),
        ("plan", "free", Decimal("0.00"), "2026-04-10", "2026-05-10"),
    ]


def test_a_change_that_is_not_billed_yet_is_told_by_its_event(ledger: Ledger) -> None:
    change = at("2026-06-20")
    coupons = {"coupons": [{"coupon_id": "SAVE"}]}
    extra = item("extra", 1, "addon")
    before = subscription(item(), **coupons)
    after = subscription(item(quantity=5), extra, updated_at=change, **coupons)
    found = ledger(
        subscriptions=[after | {"updated_at": at("2026-06-25")}],
        item_prices=[price(), price("extra", 1000, item_type="addon")],
        coupons=[
            {
                "id": "SAVE",
                "discount_type": "fixed_amount",
                "discount_amount": 1000,
                "duration_type": "forever",
            }
        ],
        invoices=[discounted(*months(1000, 6, 7), 1000, "SAVE")],  # type: ignore[misc]
        events=[
            event(at("2026-06-10"), "subscription_renewed", before),
            event(change, "subscription_changed", after),
        ],
    )
    # 60.00 less 10.00, by share: 8.33 off the plan, the rest off the last item.
    assert found == [
        ("extra", "active", Decimal("8.33"), "2026-06-20", None),
        ("plan", "active", Decimal("41.67"), "2026-06-20", None),
        ("plan", "free", Decimal("0.00"), "2026-06-10", "2026-06-20"),
    ]


def test_without_its_event_a_change_counts_from_when_the_subscription_was_touched(
    ledger: Ledger,
) -> None:
    found = ledger(
        subscriptions=[subscription(item(quantity=5), updated_at=at("2026-06-25"))],
        item_prices=[price()],
        invoices=months(1000, 6, 7),
    )
    assert found == [
        ("plan", "active", TEN, "2026-06-10", "2026-06-25"),
        ("plan", "active", Decimal("50.00"), "2026-06-25", None),
    ]


@pytest.mark.parametrize("by", ["credit", "event", "nothing"])
def test_an_add_on_that_leaves(ledger: Ledger, by: str) -> None:
    """At the moment that a credit note or an event names; else when its term is over."""
    gone = at("2026-06-20")
    extra = item("extra", 1, "addon")
    both = subscription(item(), extra)
    start, end = at("2026-06-10"), at("2026-07-10")
    bill = invoice(start, line(1000, start, end), line(500, start, end, "extra", kind="addon"))
    notes = [credit(gone, line(333, gone, end, "extra", kind="addon"))] if by == "credit" else []
    events = [
        event(start, "subscription_renewed", both),
        event(gone, "subscription_changed", subscription(item(), updated_at=gone)),
    ]
    touched = gone if by == "event" else start
    found = ledger(
        subscriptions=[subscription(item(), updated_at=touched)],
        item_prices=[price(), price("extra", 500, item_type="addon")],
        invoices=[bill],
        credit_notes=notes,
        events=events if by == "event" else [],
    )
    left = "2026-07-10" if by == "nothing" else "2026-06-20"
    assert found == [
        ("extra", "active", Decimal("5.00"), "2026-06-10", left),
        ("plan", "active", TEN, "2026-06-10", None),
    ]


def test_months_that_were_not_billed_were_paused(ledger: Ledger) -> None:
    found = ledger(
        subscriptions=[subscription(item())],
        item_prices=[price()],
        invoices=[*months(1000, 1, 3), *months(1000, 5, 7)],
    )
    assert found == [
        ("plan", "active", TEN, "2026-01-10", "2026-03-10"),
        ("plan", "active", TEN, "2026-05-10", None),
        ("plan", "paused", TEN, "2026-03-10", "2026-05-10"),
    ]


@pytest.mark.parametrize(("status", "ended"), [("paused", None), ("cancelled", "2026-05-02")])
def test_a_pause_that_nobody_ends(ledger: Ledger, status: str, ended: str | None) -> None:
    now = {"status": status} | ({"cancelled_at": at(ended)} if ended else {})
    found = ledger(
        subscriptions=[subscription(item(), **now)],
        item_prices=[price()],
        invoices=months(1000, 1, 3),
    )
    assert found == [
        ("plan", "active", TEN, "2026-01-10", "2026-03-10"),
        ("plan", "paused", TEN, "2026-03-10", ended),
    ]


@pytest.mark.parametrize("is_told", [True, False])
def test_what_was_cancelled_and_came_back(ledger: Ledger, is_told: bool) -> None:
    """Without the events it cannot be told from a pause; neither counts."""
    gone, back = at("2026-03-10"), at("2026-05-10")
    cancelled = subscription(item(), status="cancelled", cancelled_at=gone)
    events = [
        event(gone, "subscription_cancelled", cancelled),
        event(back, "subscription_reactivated", subscription(item())),
    ]
    found = ledger(
        subscriptions=[subscription(item())],
        item_prices=[price()],
        invoices=[*months(1000, 1, 3), *months(1000, 5, 7)],
        events=events if is_told else [],
    )
    paused = [("plan", "paused", TEN, "2026-03-10", "2026-05-10")]
    assert found == [
        ("plan", "active", TEN, "2026-01-10", "2026-03-10"),
        ("plan", "active", TEN, "2026-05-10", None),
        *([] if is_told else paused),
    ]


def test_an_end_that_was_asked_for_is_none_yet(ledger: Ledger) -> None:
    ending = {"status": "non_renewing", "cancelled_at": at("2026-07-10")}
    records = {"item_prices": [price()], "invoices": months(1000, 5, 7)}
    found = ledger(subscriptions=[subscription(item(), **ending)], **records)
    assert found == [("plan", "active", TEN, "2026-05-10", None)]
    gone = subscription(item(), status="cancelled", cancelled_at=at("2026-06-20"))
    found = ledger(subscriptions=[gone], **records)
    assert found == [("plan", "active", TEN, "2026-05-10", "2026-06-20")]


def test_trials(ledger: Ledger) -> None:
    trial = {"trial_start": at("2026-05-27"), "trial_end": at("2026-06-10")}
    begun = {"started_at": at("2026-05-27"), "created_at": at("2026-05-27")}
    running = subscription(
        item(), status="in_trial", **begun, trial_start=at("2026-06-20"), trial_end=at("2026-07-20")
    )
    found = ledger(
        subscriptions=[
            subscription(item(), **trial, **begun),
            running | {"id": "s2", "started_at": at("2026-06-20")},
            subscription(
                item(),
                key="s3",
                status="cancelled",
                cancelled_at=at("2026-06-10"),
                **trial,
                **begun,
            ),
        ],
        item_prices=[price()],
        invoices=months(1000, 6, 7),
    )
    none = Decimal("0.00")
    assert found == [
        ("plan", "active", TEN, "2026-06-10", None),
        ("plan", "trialing", none, "2026-05-27", "2026-06-10"),
        ("plan", "trialing", none, "2026-05-27", "2026-06-10"),
        ("plan", "trialing", none, "2026-06-20", None),
    ]


def owed(paid: str | None, **other: Any) -> list[dict[str, Any]]:
    """Paid months, then one that is due on 10 March."""
    paid_at = {"paid_at": at(paid), "status": "paid"} if paid else {"paid_at": None}
    (last,) = months(1000, 3, 4)
    return [*months(1000, 1, 3), last | {"status": "not_paid"} | paid_at | other]


@pytest.mark.parametrize(
    ("bills_", "days", "expected"),
    [
        (
            owed("2026-03-25"),
            30,
            [("past_due", "2026-03-10", "2026-03-25"), ("active", "2026-03-25", None)],
        ),
        (
            owed("2026-05-01"),
            30,
            [
                ("past_due", "2026-03-10", "2026-04-09"),
                ("unpaid", "2026-04-09", "2026-05-01"),
                ("active", "2026-05-01", None),
            ],
        ),
        (
            owed(None),
            10,
            [("past_due", "2026-03-10", "2026-03-20"), ("unpaid", "2026-03-20", None)],
        ),
        # Sent with terms: owed from the day it is due.
        (
            owed(None, due_date=at("2026-04-09"), status="posted"),
            30,
            [
                ("active", "2026-03-10", "2026-04-09"),
                ("past_due", "2026-04-09", "2026-05-09"),
                ("unpaid", "2026-05-09", None),
            ],
        ),
        # Written off is not paid.
        (
            owed("2026-03-25", write_off_amount=1000),
            30,
            [("past_due", "2026-03-10", "2026-04-09"), ("unpaid", "2026-04-09", None)],
        ),
        # Settled with credits from the first.
        (owed(None, credits_applied=1000), 30, [("active", "2026-03-10", None)]),
        # A later one that is paid ends it.
        (
            [*owed(None), *months(1000, 4, 5)],
            60,
            [("past_due", "2026-03-10", "2026-04-10"), ("active", "2026-04-10", None)],
        ),
    ],
)
def test_debts(
    ledger: Ledger, bills_: list[Any], days: int, expected: list[tuple[str, str, str | None]]
) -> None:
    found = ledger(
        {"past_due_days": days},
        subscriptions=[subscription(item())],
        item_prices=[price()],
        invoices=bills_,
    )
    told = [(status, start, end) for _, status, _, start, end in found]
    joined = [("active", "2026-01-10", "2026-03-10"), *expected]
    if expected[0][0] == "active":
        joined = [("active", "2026-01-10", expected[0][2]), *expected[1:]]
    assert sorted(told) == sorted(joined)
    assert {amount for _, _, amount, _, _ in found} == {TEN}


def test_what_is_void_deleted_or_ahead_does_not_count(ledger: Ledger) -> None:
    voided = [each | {"status": "voided"} for each in months(1000, 1, 3)]
    ahead = subscription(item(), key="s2", status="future", started_at=None)
    found = ledger(
        subscriptions=[subscription(item()), ahead],
        item_prices=[price()],
        invoices=[*voided, *months(1000, 5, 7)],
    )
    assert found == [("plan", "active", TEN, "2026-05-10", None)]


def test_use_and_charges_for_once_are_left_out(ledger: Ledger) -> None:
    start, end = at("2026-06-10"), at("2026-07-10")
    calls = item("calls", 1, "addon") | {"quantity": None}
    found = ledger(
        subscriptions=[subscription(item(), calls)],
        item_prices=[price(), price("calls", 1, item_type="addon")],
        items=[{"id": "item-calls", "name": "Calls", "metered": True, "type": "addon"}],
        invoices=[
            invoice(
                start,
                line(1000, start, end),
                line(777, start, end, "calls", 777, "addon"),
                line(9900, start, start, "setup", kind="charge"),
            )
        ],
    )
    assert found == [("plan", "active", TEN, "2026-06-10", None)]


def test_tax_inside_the_price_is_taken_off(ledger: Ledger) -> None:
    inclusive = {"price_type": "tax_inclusive"}
    change, end = at("2026-06-20"), at("2026-07-10")
    found = ledger(
        subscriptions=[subscription(item(quantity=2))],
        item_prices=[price(cents=1190)],
        invoices=[
            *(each | inclusive for each in months(1190, 6, 7, tax_amount=190)),
            invoice(change, line(1587, change, end, quantity=2, tax_amount=253)) | inclusive,
        ],
    )
    assert [row[2] for row in found] == [TEN, Decimal("20.01")]


def test_one_invoice_for_several_subscriptions(ledger: Ledger) -> None:
    start, end = at("2026-06-10"), at("2026-07-10")
    lines = [
        line(1000, start, end),
        line(3000, start, end, "pro", subscription_id="s2"),
    ]
    found = ledger(
        subscriptions=[subscription(item()), subscription(item("pro"), key="s2")],
        item_prices=[price(), price("pro", 3000)],
        invoices=[invoice(start, *lines, subscription_id=None, paid_at=None, status="not_paid")],
    )
    assert [(row[1], row[2]) for row in found] == [
        ("past_due", TEN),
        ("past_due", Decimal("30.00")),
        ("unpaid", TEN),
        ("unpaid", Decimal("30.00")),
    ]


def test_an_add_on_billed_for_several_of_its_intervals_at_once(ledger: Ledger) -> None:
    """A monthly add-on of a yearly plan is billed twelvefold, once a year."""
    start, end = at("2026-06-10"), at("2027-06-10")
    found = ledger(
        subscriptions=[subscription(item(), item("extra", 1, "addon"))],
        item_prices=[price(cents=12000, every=YEARLY), price("extra", 500, item_type="addon")],
        invoices=[
            invoice(start, line(12000, start, end), line(6000, start, end, "extra", kind="addon"))
        ],
    )
    assert found == [
        ("extra", "active", Decimal("5.00"), "2026-06-10", None),
        ("plan", "active", TEN, "2026-06-10", None),
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
def test_prices_that_are_gone_are_told_by_what_was_billed_for(
    ledger: Ledger, first: str, after: str, amount: int, monthly: str
) -> None:
    ended = {"status": "cancelled", "cancelled_at": at(after)}
    found = ledger(subscriptions=[subscription(**ended)], invoices=bills(amount, first, after))
    assert found == [("plan", "active", Decimal(monthly), first, after)]


def test_d13_month_ends_tile(ledger: Ledger) -> None:
    """What is anchored on the 31st begins on the last day of shorter months."""
    found = ledger(
        subscriptions=[subscription(item())],
        item_prices=[price()],
        invoices=bills(1000, "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"),
    )
    assert found == [("plan", "active", TEN, "2026-01-31", None)]


def test_an_unpaid_change_on_a_month_s_last_day_is_a_proration(ledger: Ledger) -> None:
    """From 28 February noon to 31 March is longer than a month and yet not the whole term."""
    noon, end = at("2026-02-28", 12), at("2026-03-31")
    found = ledger(
        subscriptions=[subscription(item(quantity=2))],
        item_prices=[price()],
        invoices=[
            *bills(1000, "2026-01-31", "2026-02-28", "2026-03-31"),
            invoice(noon, line(1992, noon, end, quantity=2)),
        ],
    )
    assert found == [
        ("plan", "active", TEN, "2026-01-31", "2026-02-28"),
        ("plan", "active", Decimal("20.00"), "2026-02-28", None),
    ]


def test_plans_and_add_ons_of_the_first_catalog(ledger: Ledger) -> None:
    start, change, end = at("2026-06-10"), at("2026-06-20"), at("2026-07-10")
    shown = {
        "plan_id": "team",
        "plan_quantity": 2,
        "plan_unit_price": 1000,
        "addons": [{"id": "extra", "quantity": 1, "unit_price": 500}],
        "subscription_items": None,
    }
    plan = price() | {"item_id": None}
    first = line(1000, start, end) | {"entity_type": "plan"}
    more = line(1333, change, end, quantity=2) | {"entity_type": "plan"}
    found = ledger(
        {"product_catalog": "1.0"},
        subscriptions=[subscription(**shown, updated_at=at("2026-06-25"))],
        plans=[plan],
        addons=[price("extra", 500)],
        invoices=[invoice(start, first), invoice(change, more)],
    )
    assert found == [
        ("extra", "active", Decimal("5.00"), "2026-06-25", None),
        ("plan", "active", TEN, "2026-06-10", "2026-06-20"),
        ("plan", "active", Decimal("20.00"), "2026-06-20", None),
    ]


# Each takes what Chargebee would: sums first, then percentages of what is left.
COUPONS = [
    {"id": "SOME", "duration_type": "limited_period", "discount_type": "fixed_amount"}
    | {"discount_amount": 100},
    {"id": "ONCE", "duration_type": "one_time", "discount_type": "percentage"}
    | {"discount_percentage": 50},
    {"id": "EVER", "duration_type": "forever", "discount_type": "percentage"}
    | {"discount_percentage": 10},
]


@pytest.mark.parametrize(
    ("offs", "amounts"),
    [
        ({"SOME": 100, "ONCE": 450, "EVER": 45}, ("4.05", "10.00", "8.10", "9.00")),
        ({"SOME": 100, "EVER": 90}, ("8.10", "10.00", "8.10", "9.00")),
        ({"ONCE": 1000}, ("0.00", "10.00", "10.00", "10.00")),
        ({"EVER": 100}, ("9.00", "10.00", "9.00", "9.00")),
        ({"GONE": 100}, ("9.00", "10.00", None, None)),
    ],
    ids=["of all kinds", "going on", "free once", "forever", "told by nobody"],
)
def test_discounts_are_told_apart_by_how_long_they_go_on(
    warehouses: Callable[..., Warehouse], offs: dict[str, int], amounts: tuple[str | None, ...]
) -> None:
    warehouse = warehouses()
    (bill,) = months(1000, 6, 7)
    (only,) = bill["line_items"]
    told = [
        {"line_item_id": only["id"], "coupon_id": key, "discount_amount": off}
        for key, off in offs.items()
    ]
    warehouse.put("subscriptions", [subscription(item())])
    warehouse.put("item_prices", [price()])
    warehouse.put("coupons", COUPONS)
    warehouse.put("invoices", [bill | {"line_item_discounts": told}])
    (row,) = warehouse.offered("subscription_periods")
    names = ("", "list_", "recurring_", "lasting_")
    found = tuple(row[f"{name}monthly_amount"] for name in names)
    assert found == tuple(amount and Decimal(amount) for amount in amounts)
    assert (row["billing_interval"], row["billing_interval_count"]) == ("month", 1)
