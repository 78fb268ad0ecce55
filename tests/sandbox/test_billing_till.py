"""Hand-made lives of customers: the bills that come of them, and what they are truly worth."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from revops_pipelines.sandbox.world.billing import Billing
from revops_pipelines.sandbox.world.billing_calendar import (
    DAY,
    HOUR,
    MONTHLY,
    QUARTERLY,
    WEEKLY,
    YEARLY,
    Interval,
    boundary,
    epoch,
)
from revops_pipelines.sandbox.world.billing_catalog import Coupon, Price, Product, make_catalog
from revops_pipelines.sandbox.world.billing_records import Books, Invoice
from revops_pipelines.sandbox.world.billing_story import (
    Change,
    Customer,
    Ending,
    Item,
    Pause,
    Rebate,
    Subscription,
    Trouble,
)
from revops_pipelines.sandbox.world.billing_till import Till
from revops_pipelines.sandbox.world.company import Account
from revops_pipelines.sandbox.world.truth_billing import Period, ledger, mrr_rows

START, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)


def at(day: str, hour: int = 9) -> int:
    return epoch(datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC))


def price(
    unit: int, interval: Interval | None = MONTHLY, currency: str = "USD", metered: bool = False
) -> Price:
    product = Product("prod_1", "team", f"Team at {unit}", "seat", 0, 0)
    key = f"price_{unit}{interval.unit if interval else ''}{currency}"
    return Price(key, product, currency, interval, unit * 1_000, metered, 0, None)


def item(of: Price, quantity: int = 1, key: str = "si_1") -> Item:
    return Item(key, of, quantity)


def life(*items: Item, begins: str = "2026-01-10", **other: Any) -> Subscription:
    created = at(begins)
    fields: dict[str, Any] = {
        "id": "sub_1",
        "created": created,
        "trial_end": None,
        "changes": (Change(created, items, "at_once", resets=False),),
        "issue_delay": HOUR,
    }
    return Subscription(**(fields | other))


def changed(story: Subscription, day: str, *items: Item, **other: Any) -> Subscription:
    step = Change(at(day), items, **({"bills": "at_once", "resets": False} | other))
    return replace(story, changes=(*story.changes, step))


def coupon(percent: int | None = None, off: int | None = None, **other: Any) -> Coupon:
    fields: dict[str, Any] = {"duration": "forever", "months": None}
    points = None if percent is None else percent * 100
    return Coupon("C", "C", points, off, None, created=0, **(fields | other))


class FlatRates:
    """A euro is 1.10 in January and 1.20 later; a yen half a cent."""

    def monthly_rate(self, currency: str, month: date) -> Decimal:
        euro = Decimal("1.10") if month.month == 1 else Decimal("1.20")
        return {"USD": Decimal(1), "EUR": euro, "JPY": Decimal("0.005")}[currency]


def customer(*stories: Subscription, currency: str = "USD", **other: Any) -> Customer:
    account = Account(
        0, "Acme", "acme.example", "RETAIL", 5, "SMB", "US", "UTC", currency, "Americas",
        "sales", START, START, "1", None,
    )  # fmt: skip
    fields: dict[str, Any] = {"tax": None, "one_offs": (), "refunds": (), "deleted_at": None}
    return Customer(
        id="cus_1",
        account=account,
        created=min(story.created for story in stories),
        email=None,
        link="nothing",
        metadata=(),
        prefix="ACME",
        plot="hand made",
        subscriptions=stories,
        **(fields | other),
    )


def played(who: Customer) -> Billing:
    books = Books()
    Till(who, epoch(UNTIL), Random(1), books).play()
    catalog = make_catalog(1, epoch(START), epoch(UNTIL))
    return Billing(1, epoch(START), epoch(UNTIL), catalog, (who,), books, FlatRates())


def bills(who: Customer) -> list[Invoice]:
    return sorted(played(who).books.invoices, key=lambda bill: bill.created)


def amounts(bill: Invoice) -> list[tuple[str, int]]:
    return [(line.kind, line.amount) for line in bill.lines]


def truth(who: Customer, now: str = "2026-12-30") -> list[tuple[str, str, str, str | None]]:
    found = ledger(played(who), datetime.fromisoformat(now).replace(hour=12, tzinfo=UTC))
    return [_shown(period) for period in found]


def _shown(period: Period) -> tuple[str, str, str, str | None]:
    to_on = period.to_on.isoformat() if period.to_on else None
    return period.status, str(period.monthly_amount), period.from_on.isoformat(), to_on


SEAT = price(1_000)


def test_renewals_are_drafted_then_paid() -> None:
    first, second, *_ = bills(customer(life(item(SEAT, 3))))
    assert (first.created, first.finalized_at, first.paid_at) == (at("2026-01-10"),) * 3
    assert (second.created, second.reason) == (at("2026-02-10"), "subscription_cycle")
    assert second.finalized_at == second.paid_at == at("2026-02-10", 10)
    assert (second.period_start, second.period_end) == (at("2026-01-10"), at("2026-02-10"))
    assert [amounts(bill) for bill in (first, second)] == [[("period", 3_000)]] * 2


def test_an_upgrade_credits_and_charges_what_is_left_of_the_period() -> None:
    big = price(3_100)
    story = changed(life(item(SEAT)), "2026-01-20", item(big))
    upgrade = bills(customer(story))[1]
    # 21 of 31 days are left.
    assert amounts(upgrade) == [("unused", -677), ("remaining", 2_100)]
    assert (upgrade.reason, upgrade.amount_due) == ("subscription_update", 1_423)
    assert upgrade.lines[0].credited == (bills(customer(story))[0].core, 0)
    assert truth(customer(story)) == [
        ("active", "10.00", "2026-01-10", "2026-01-20"),
        ("active", "31.00", "2026-01-20", None),
    ]


def test_prorations_may_wait_for_the_next_bill() -> None:
    story = changed(life(item(SEAT, 2)), "2026-01-20", item(SEAT, 5), bills="cycle")
    found = bills(customer(story))
    assert amounts(found[1]) == [("period", 5_000), ("unused", -1_355), ("remaining", 3_387)]
    waited = played(customer(story)).books.invoice_items
    assert [each.changed_at for each in waited] == [(at("2026-01-20"), at("2026-02-10"))] * 2


def test_from_yearly_to_monthly_leaves_a_credit_that_later_bills_use() -> None:
    story = changed(
        life(item(price(12_000, YEARLY))), "2026-07-10", item(price(1_200)), resets=True
    )
    first, swap, *later = bills(customer(story))
    assert amounts(swap) == [("unused", -6_049), ("period", 1_200)]
    assert (swap.amount_due, swap.ending_balance) == (0, -4_849)
    assert [bill.created for bill in later[:2]] == [at("2026-08-10"), at("2026-09-10")]
    balances = [(bill.starting_balance, bill.amount_due) for bill in later]
    assert balances == [(-4_849, 0), (-3_649, 0), (-2_449, 0), (-1_249, 0), (-49, 1_151)]
    charges = played(customer(story)).books.charges
    assert sorted(charge.amount for charge in charges) == [1_151, 12_000]
    assert truth(customer(story)) == [
        ("active", "10.00", "2026-01-10", "2026-07-10"),
        ("active", "12.00", "2026-07-10", None),
    ]
    assert first.amount_due == 12_000


@pytest.mark.parametrize(
    ("interval", "unit", "worth"),
    [
        (MONTHLY, 1_000, "10.00"),
        (QUARTERLY, 1_000, "3.33"),
        (YEARLY, 10_001, "8.33"),
        (YEARLY, 10_002, "8.34"),
        (WEEKLY, 1_000, "43.33"),
        (Interval("day", 1), 100, "30.42"),
    ],
)
def test_what_intervals_are_worth_a_month(interval: Interval, unit: int, worth: str) -> None:
    assert truth(customer(life(item(price(unit, interval))))) == [
        ("active", worth, "2026-01-10", None)
    ]


def test_a_yen_has_no_cents() -> None:
    yen = customer(life(item(price(4_900, currency="JPY"))), currency="JPY")
    assert truth(yen) == [("active", "4900.00", "2026-01-10", None)]
    (january, *_) = mrr_rows(played(yen), UNTIL)
    assert january["new"] == Decimal("24.50")


def test_metered_items_are_billed_afterwards_and_worth_nothing() -> None:
    calls = price(2, metered=True)
    first, second, *_ = bills(customer(life(item(SEAT), item(calls, 0, "si_2"))))
    assert amounts(first) == [("period", 1_000), ("usage", 0)]
    assert [kind for kind, _ in amounts(second)] == ["period", "usage"]
    assert second.lines[1].end == second.lines[0].start
    assert truth(customer(life(item(SEAT), item(calls, 0, "si_2")))) == [
        ("active", "10.00", "2026-01-10", None)
    ]


def test_a_trial_is_billed_at_nothing() -> None:
    story = life(item(SEAT), trial_end=at("2026-01-24"))
    first, second, *_ = bills(customer(story))
    assert (amounts(first), first.paid_at) == ([("trial", 0)], at("2026-01-10"))
    assert (second.created, second.total) == (at("2026-01-24"), 1_000)
    assert truth(customer(story)) == [
        ("trialing", "0", "2026-01-10", "2026-01-24"),
        ("active", "10.00", "2026-01-24", None),
    ]


@pytest.mark.parametrize(
    ("taken", "discounts", "worths"),
    [
        (coupon(50, duration="once"), [500, 0, 0], ["5.00", "10.00"]),
        (coupon(30, duration="repeating", months=2), [300, 300, 0], ["7.00", "10.00"]),
        (coupon(15), [150, 150, 150], ["8.50"]),
        (coupon(off=250), [250, 250, 250], ["7.50"]),
        (coupon(off=2_000), [1_000, 1_000, 1_000], ["0.00"]),
        (coupon(100, duration="repeating", months=2), [1_000, 1_000, 0], ["0.00", "10.00"]),
    ],
)
def test_coupons_last_as_long_as_they_say(
    taken: Coupon, discounts: list[int], worths: list[str]
) -> None:
    end = boundary(at("2026-01-10"), MONTHLY, taken.months) if taken.months else None
    story = life(item(SEAT), rebate=Rebate("di_1", taken, at("2026-01-10"), end))
    assert [bill.discount for bill in bills(customer(story))[:3]] == discounts
    found = truth(customer(story))
    assert [worth for _, worth, _, _ in found] == worths
    assert [status for status, worth, _, _ in found if Decimal(worth) == 0] == [
        "free" for worth in worths if worth == "0.00"
    ]


def test_a_fixed_sum_is_shared_by_the_items() -> None:
    rebate = Rebate("di_1", coupon(off=1_000), at("2026-01-10"), None)
    story = life(item(price(2_000)), item(price(1_000), key="si_2"), rebate=rebate)
    (first, *_) = bills(customer(story))
    assert [line.discount for line in first.lines] == [666, 334]
    assert [worth for _, worth, _, _ in truth(customer(story))] == ["13.34", "6.66"]


def test_a_discounted_change_is_prorated_net() -> None:
    rebate = Rebate("di_1", coupon(10), at("2026-01-10"), None)
    story = changed(life(item(SEAT), rebate=rebate), "2026-01-20", item(SEAT, 2))
    change = bills(customer(story))[1]
    assert amounts(change) == [("unused", -610), ("remaining", 1_219)]
    assert [(line.discount, line.rebate) for line in change.lines] == [(0, "di_1")] * 2
    assert [worth for _, worth, _, _ in truth(customer(story))] == ["9.00", "18.00"]


def test_a_pause_voids_its_bills() -> None:
    start, end = at("2026-02-10"), at("2026-04-10")
    pause = Pause(start - HOUR, start, end, end - HOUR)
    story = life(item(SEAT), pauses=(pause,))
    found = bills(customer(story))
    states = [(bill.voided_at is not None, bill.paid_at is not None) for bill in found[:4]]
    assert states == [(False, True), (True, False), (True, False), (False, True)]
    assert truth(customer(story)) == [
        ("active", "10.00", "2026-01-10", "2026-02-10"),
        ("paused", "10.00", "2026-02-10", "2026-04-10"),
        ("active", "10.00", "2026-04-10", None),
    ]


def test_an_unpaid_bill_counts_for_thirty_days_and_again_when_it_is_paid() -> None:
    issued = at("2026-02-10") + HOUR
    trouble = Trouble(at("2026-02-10"), issued, issued + 40 * DAY)
    story = life(item(SEAT), troubles=(trouble,))
    billing = played(customer(story))
    failed = [charge for charge in billing.books.charges if charge.failure]
    # The bill of February is tried five times, that of March three times before all is paid.
    assert [bill.attempts for bill in bills(customer(story))][1] == tuple(
        issued + days * DAY for days in (0, 3, 8, 15, 22)
    )
    assert len(failed) == 8
    late = [bill.paid_at for bill in bills(customer(story))[1:3]]
    assert late == [trouble.recovered_at] * 2
    assert truth(customer(story)) == [
        ("active", "10.00", "2026-01-10", "2026-02-10"),
        ("past_due", "10.00", "2026-02-10", "2026-03-12"),
        ("unpaid", "10.00", "2026-03-12", "2026-03-22"),
        ("active", "10.00", "2026-03-22", None),
    ]
    rows = {row["month"].month: row for row in mrr_rows(billing, UNTIL)}
    assert (rows[2]["closing"], rows[3]["closing"]) == (Decimal("10.00"), Decimal("10.00"))


def test_what_is_never_paid_ends() -> None:
    issued = at("2026-02-10") + HOUR
    ending = Ending("payment_failed", issued + 50 * DAY, issued + 50 * DAY, writes_off=True)
    trouble = Trouble(at("2026-02-10"), issued, None)
    story = life(item(SEAT), troubles=(trouble,), ending=ending)
    found = bills(customer(story))
    assert [bill.paid_at is None for bill in found] == [False, True, True]
    assert [bill.written_off_at for bill in found[1:]] == [ending.at] * 2
    assert truth(customer(story))[1:] == [
        ("past_due", "10.00", "2026-02-10", "2026-03-12"),
        ("unpaid", "10.00", "2026-03-12", "2026-04-01"),
    ]
    rows = {row["month"].month: row for row in mrr_rows(played(customer(story)), UNTIL)}
    assert (rows[3]["churn"], rows[3]["closing"]) == (Decimal("-10.00"), Decimal(0))


def test_the_end_of_a_period_is_the_end() -> None:
    ending = Ending("at_period_end", at("2026-02-20"), at("2026-03-10"))
    story = life(item(SEAT), ending=ending)
    assert [bill.created for bill in bills(customer(story))] == [
        at("2026-01-10"),
        at("2026-02-10"),
    ]
    assert truth(customer(story)) == [("active", "10.00", "2026-01-10", "2026-03-10")]
    assert truth(customer(story), "2026-02-25") == [("active", "10.00", "2026-01-10", None)]


def test_an_end_at_once_may_give_back_the_rest() -> None:
    ending = Ending("at_once", at("2026-01-20"), at("2026-01-20"), credits=True)
    first, last = bills(customer(life(item(SEAT), ending=ending)))
    assert amounts(last) == [("unused", -677)]
    assert (last.amount_due, last.ending_balance, last.paid_at) == (0, -677, last.created)
    assert first.total == 1_000


def test_a_swap_of_plans_on_one_day_is_no_churn() -> None:
    ending = Ending("at_once", at("2026-03-20"), at("2026-03-20"))
    old = life(item(SEAT), ending=ending)
    new = life(item(price(2_500), key="si_2"), begins="2026-03-20", id="sub_2")
    rows = {row["month"].month: row for row in mrr_rows(played(customer(old, new)), UNTIL)}
    assert (rows[3]["expansion"], rows[3]["churn"]) == (Decimal("15.00"), Decimal(0))


def test_a_return_is_a_reactivation() -> None:
    ending = Ending("at_once", at("2026-03-20"), at("2026-03-20"))
    old = life(item(SEAT), ending=ending)
    new = life(item(SEAT, key="si_2"), begins="2026-06-20", id="sub_2")
    rows = mrr_rows(played(customer(old, new)), UNTIL)
    moved = {row["month"].month: (row["new"], row["churn"], row["reactivation"]) for row in rows}
    ten, none = Decimal("10.00"), Decimal(0)
    assert (moved[1], moved[3], moved[6]) == (
        (ten, none, none),
        (none, -ten, none),
        (none, none, ten),
    )
    assert [row["closing"] for row in rows if row["month"].month in (3, 4, 5)] == [0, 0, 0]


def test_the_rate_of_exchange_is_told_apart_from_growth() -> None:
    story = changed(
        life(item(price(10_000, currency="EUR"))),
        "2026-02-15",
        item(price(15_000, currency="EUR")),
    )
    january, february, *_ = mrr_rows(played(customer(story, currency="EUR")), UNTIL)
    assert january["new"] == Decimal("110.00")
    assert (february["fx"], february["expansion"]) == (Decimal("10.00"), Decimal("60.00"))
    assert february["closing"] == Decimal("180.00")


def test_a_first_payment_that_fails_is_nothing() -> None:
    expiry = at("2026-01-10") + 23 * HOUR
    story = life(item(SEAT), ending=Ending("expired", expiry, expiry), never_started=True)
    (only,) = bills(customer(story))
    assert (only.paid_at, only.voided_at, only.attempts) == (None, expiry, (at("2026-01-10"),))
    assert truth(customer(story)) == []


def test_tax_comes_on_top() -> None:
    rate = make_catalog(1, epoch(START), epoch(UNTIL)).taxes["DE"]
    taxed = customer(life(item(price(999))), tax=rate)
    (first, *_) = bills(taxed)
    assert (first.subtotal, first.tax, first.total) == (999, 190, 1_189)
    assert truth(taxed) == [("active", "9.99", "2026-01-10", None)]
